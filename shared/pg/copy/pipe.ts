import type { Duplex } from 'node:stream';
import type pg from 'pg';
import { codeOf, messageOf, MigrationError } from '../../errors/migrationError.ts';
import { FrameWalker } from './frames.ts';
import { ReusedBufferSocket } from './reusedBufferSocket.ts';

/*
 * COPY … TO STDOUT of one connection into COPY … FROM STDIN of another. CopyData frames have the
 * same form in both directions, so the bytes of the source's socket are written to the target's as
 * they are; only the frames' headers are looked at (docs/decisions/0003-raw-copy-pipe.md).
 */

export interface CopyPipeOptions {
  signal: AbortSignal;
  /** COPY data of all statements so far, without the protocol's headers. */
  onBytes?: (bytes: number) => void;
}

export interface CopyResult {
  rows: number;
  bytes: number;
  ms: number;
}

/** Says on which side, and at which statement, the copy broke. `cause` is the error itself. */
export class CopyPipeError extends Error {
  readonly side: 'source' | 'target';
  /** Index of the statement that was running on that side. */
  readonly index: number;
  readonly code: string | undefined;

  constructor(side: 'source' | 'target', index: number, cause: unknown) {
    super(messageOf(cause), { cause });
    this.name = 'CopyPipeError';
    this.side = side;
    this.index = index;
    this.code = codeOf(cause);
  }
}

/**
 * Copies by one statement on each side. Both clients have to be idle.
 *
 * @throws CopyPipeError with the server's or the network's error, MigrationError canceled or
 *   dataFailed (the sides count different rows). Whatever was in the target's transaction has to be
 *   rolled back then; a connection that cannot be used any more is closed.
 */
export async function copyPipe(
  source: pg.Client,
  copyOutSql: string,
  target: pg.Client,
  copyInSql: string,
  options: CopyPipeOptions,
): Promise<CopyResult> {
  const [result] = await copyPipeMany(source, [copyOutSql], target, [copyInSql], options);
  if (result === undefined) throw new MigrationError('internal', 'The copy gave no result.');
  return result;
}

/** The same for a list of tables: one round trip for all of them. */
export function copyPipeMany(
  source: pg.Client,
  copyOutSql: readonly string[],
  target: pg.Client,
  copyInSql: readonly string[],
  options: CopyPipeOptions,
): Promise<CopyResult[]> {
  return new Promise((resolve, reject) => {
    const pipe = new CopyPipe(copyOutSql, copyInSql, options, { resolve, reject });
    pipe.start(source, target);
  });
}

/** Bytes that may wait for the target's socket before the source's is paused. */
const WAITING_BYTES = 256 * 1024;

/** A chunk below this size says that the reader is faster than the source. */
const SMALL_CHUNK_BYTES = 48 * 1024;

/** What is smaller than this should not wait at all. */
const REST_FROM_BYTES = 1024 * 1024;

/** The part of pg's connection that a query needs; its types leave some of it out. */
interface WireConnection {
  stream: Duplex;
  query(text: string): void;
  sendCopyFail(message: string): void;
}

interface Settle {
  resolve: (results: CopyResult[]) => void;
  reject: (error: Error) => void;
}

class CopyPipe {
  readonly #outSql: readonly string[];
  readonly #inSql: readonly string[];
  readonly #options: CopyPipeOptions;
  readonly #settle: Settle;
  readonly #walker: FrameWalker;
  #source: WireConnection | undefined;
  #target: WireConnection | undefined;
  /** pg's own reader of the source's socket; it gets everything that is not COPY data. */
  #readMessages: ((chunk: Buffer) => void) | undefined;
  readonly #sourceRows: number[] = [];
  readonly #targetRows: number[] = [];
  readonly #bytesAtDone: number[] = [];
  readonly #doneAt: number[] = [performance.now()];
  #sourceDone = false;
  #awaitsWrite = false;
  #targetDone = false;
  #failure: Error | undefined;

  constructor(
    outSql: readonly string[],
    inSql: readonly string[],
    options: CopyPipeOptions,
    settle: Settle,
  ) {
    this.#outSql = outSql;
    this.#inSql = inSql;
    this.#options = options;
    this.#settle = settle;
    this.#walker = new FrameWalker({
      onCopy: (run) => this.#forward(run),
      // The parser may keep a broken message, and the buffer may be read into again.
      onOther: (run) => this.#readMessages?.(Buffer.from(run)),
      onCopyDone: (bytes) => this.#bytesAtDone.push(bytes),
      onReady: () => this.#finishSource(),
    });
  }

  start(source: pg.Client, target: pg.Client): void {
    if (this.#options.signal.aborted) {
      this.#settle.reject(canceled());
      return;
    }
    this.#options.signal.addEventListener('abort', this.#onAbort);
    target.query({
      submit: (connection: unknown) => {
        this.#submitTarget(connection as WireConnection);
        source.query({
          submit: (other: unknown) => this.#submitSource(other as WireConnection),
          handleCommandComplete: (message: { text: string }) =>
            this.#sourceRows.push(countOf(message)),
          handleError: (error: unknown) => this.#failSource(error),
          handleReadyForQuery: () => undefined,
        } as pg.Submittable);
      },
      handleCopyInResponse: () => undefined,
      handleCommandComplete: (message: { text: string }) => {
        this.#targetRows.push(countOf(message));
        this.#doneAt.push(performance.now());
      },
      handleError: (error: unknown) => this.#failTarget(error),
      handleReadyForQuery: () => this.#finishTarget(),
    } as pg.Submittable);
  }

  #submitTarget(connection: WireConnection): void {
    this.#target = connection;
    connection.query(this.#inSql.join(';\n'));
  }

  #submitSource(connection: WireConnection): void {
    this.#source = connection;
    const [reader] = connection.stream.listeners('data');
    this.#readMessages = reader as (chunk: Buffer) => void;
    connection.stream.removeListener('data', this.#readMessages);
    if (connection.stream instanceof ReusedBufferSocket) {
      connection.stream.takeOver(this.#onSourceChunk);
    } else {
      connection.stream.on('data', this.#onSourceChunk);
    }
    connection.stream.once('close', this.#onSourceClose);
    connection.query(this.#outSql.join(';\n'));
  }

  readonly #onSourceChunk = (chunk: Buffer): void => {
    const target = this.#target?.stream;
    target?.cork();
    this.#walker.walk(chunk);
    target?.uncork();
    this.#options.onBytes?.(this.#walker.copyBytes);
    if (this.#sourceDone) return;
    this.#awaitsWrite = target !== undefined && target.writableLength > this.#mayWait();
    if (this.#awaitsWrite) this.#source?.stream.pause();
    else if (chunk.length < SMALL_CHUNK_BYTES && this.#walker.copyBytes > REST_FROM_BYTES) {
      this.#rest();
    }
  };

  /**
   * The server sends 8 KiB at a time, and a reader that keeps up pays a system call, a buffer of
   * 64 KiB and its collection for each of them. After a millisecond there are many to read at once.
   */
  #rest(): void {
    this.#source?.stream.pause();
    setTimeout(() => {
      if (!this.#sourceDone && !this.#awaitsWrite) this.#source?.stream.resume();
    }, 1);
  }

  /** A buffer that is read into again must be written first. */
  #mayWait(): number {
    return this.#source?.stream instanceof ReusedBufferSocket ? 0 : WAITING_BYTES;
  }

  readonly #onWritten = (): void => {
    if (!this.#awaitsWrite || (this.#target?.stream.writableLength ?? 0) > this.#mayWait()) return;
    this.#awaitsWrite = false;
    if (!this.#sourceDone) this.#source?.stream.resume();
  };

  /** A closed socket sends no ReadyForQuery; pg reports the error itself. */
  readonly #onSourceClose = (): void => {
    this.#finishSource();
  };

  readonly #onAbort = (): void => {
    this.#failure ??= canceled();
    this.#source?.stream.destroy();
    this.#target?.stream.destroy();
  };

  #forward(run: Buffer): void {
    if (this.#failure === undefined) this.#target?.stream.write(run, this.#onWritten);
  }

  #failSource(error: unknown): void {
    const isFirst = this.#failure === undefined;
    this.#failure ??= new CopyPipeError('source', this.#sourceRows.length, error);
    if (this.#source === undefined) this.#sourceDone = true;
    if (isFirst && !this.#targetDone) this.#stopTarget();
    this.#settleWhenDone();
  }

  /** Makes the target give up its COPY. Inside a frame it would take any message for data. */
  #stopTarget(): void {
    if (this.#walker.isInsideCopyFrame) this.#target?.stream.destroy();
    else this.#target?.sendCopyFail('the source failed');
  }

  #failTarget(error: unknown): void {
    this.#failure ??= new CopyPipeError('target', this.#targetRows.length, error);
    // The server ignores whole frames that come after its error, but not half of one.
    if (this.#walker.isInsideCopyFrame) this.#target?.stream.destroy();
    if (this.#source === undefined) this.#sourceDone = true;
    // It would send the rest of the table otherwise.
    if (!this.#sourceDone) this.#source?.stream.destroy();
    this.#finishTarget();
  }

  #finishSource(): void {
    if (this.#sourceDone) return;
    this.#sourceDone = true;
    const stream = this.#source?.stream;
    if (stream instanceof ReusedBufferSocket) stream.giveBack();
    else stream?.removeListener('data', this.#onSourceChunk);
    stream?.removeListener('close', this.#onSourceClose);
    if (stream && this.#readMessages) stream.on('data', this.#readMessages);
    stream?.resume();
    this.#settleWhenDone();
  }

  #finishTarget(): void {
    if (this.#targetDone) return;
    this.#targetDone = true;
    this.#settleWhenDone();
  }

  #settleWhenDone(): void {
    if (!this.#sourceDone || !this.#targetDone) return;
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    const failure = this.#failure ?? this.#rowMismatch();
    if (failure) this.#settle.reject(failure);
    else this.#settle.resolve(this.#results());
  }

  #rowMismatch(): MigrationError | undefined {
    const count = this.#outSql.length;
    const agree =
      this.#sourceRows.length === count &&
      this.#targetRows.length === count &&
      this.#sourceRows.every((rows, index) => rows === this.#targetRows[index]);
    if (agree) return undefined;
    return new MigrationError(
      'dataFailed',
      `The source sent ${sum(this.#sourceRows)} rows in ${this.#sourceRows.length} of ${count} ` +
        `tables, the target took ${sum(this.#targetRows)} in ${this.#targetRows.length}.`,
    );
  }

  #results(): CopyResult[] {
    return this.#targetRows.map((rows, index) => ({
      rows,
      bytes: this.#bytesAtDone[index]! - (this.#bytesAtDone[index - 1] ?? 0),
      ms: this.#doneAt[index + 1]! - this.#doneAt[index]!,
    }));
  }
}

function canceled(): MigrationError {
  return new MigrationError('canceled', 'The copy was asked to stop.');
}

/** CommandComplete of COPY is `COPY 5`; without a number the count is unknown and never agrees. */
function countOf(message: { text: string }): number {
  return Number(/^COPY (\d+)$/.exec(message.text)?.[1] ?? Number.NaN);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
