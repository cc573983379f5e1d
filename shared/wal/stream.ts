import type { Duplex } from 'node:stream';
import type pg from 'pg';
import { MigrationError } from '../errors/migrationError.ts';
import { connect } from '../pg/connect.ts';
import type { PgSession } from '../pg/connect.ts';
import { READ_BYTES, ReusedBufferSocket } from '../pg/copy/reusedBufferSocket.ts';
import type { Lsn } from './lsn.ts';
import type { WalMessage } from './messages.ts';
import { createParser } from './parser.ts';
import type { WalParser } from './parser.ts';
import { ReadPace } from './readPace.ts';
import { streamEnded, streamError } from './streamError.ts';
import { StreamFrames } from './streamFrames.ts';
import {
  COPY_BOTH,
  COPY_DONE,
  KEEPALIVE,
  startCommand,
  statusUpdate,
  TERMINATE,
  XLOG_DATA,
  XLOG_HEADER_BYTES,
} from './walsender.ts';
import type { WalStream, WalStreamOptions } from './walStream.ts';

export type { WalStream, WalStreamOptions };

/** Beside those of session.ts: the text of a value has to be what a COPY of it says. */
const STREAM_SETTINGS: Readonly<Record<string, string>> = {
  lc_monetary: 'C',
  // With wal_sender_timeout that long, only these tell the server that our machine is gone.
  tcp_keepalives_idle: '30',
  tcp_keepalives_interval: '10',
  tcp_keepalives_count: '3',
};

const DEFAULT_FEEDBACK_MS = 1000;
const DEFAULT_BUFFERED_BYTES = 4 * 1024 * 1024;

/** The confirmed position is reported at once when it moved that far. */
const FEEDBACK_BYTES = 16n * 1024n * 1024n;

/** A walsender that does not end by itself is left alone after this. */
const CLOSE_MS = 2000;

/**
 * Opens the stream of a slot.
 *
 * @throws MigrationError with the kinds of connect(), slotLost (there is no such slot or the server
 *   gave it up), lockTimeout (somebody else reads it), permissionDenied (the plugin is not allowed),
 *   versionUnsupported, toolFailed.
 */
export async function openWalStream(options: WalStreamOptions): Promise<WalStream> {
  if (options.signal.aborted) throw canceled();
  const session = await connect(options.endpoint, {
    applicationName: options.applicationName,
    isReplication: true,
    plainSocket: () => new ReusedBufferSocket(),
    settings: STREAM_SETTINGS,
  });
  let stream: ReplicationStream | undefined;
  try {
    await options.checkServer?.(session);
    // A transaction that takes long to decode, or to apply, must not end the connection. Not 0: the
    // walsender would then look for our answers after each row it has sent.
    if (session.serverVersion >= 120000) await session.query("set wal_sender_timeout = '24d'");
    const { decodingWorkMemMegabytes = 0 } = options;
    if (decodingWorkMemMegabytes > 0 && session.serverVersion >= 130000) {
      await session.query(`set logical_decoding_work_mem = '${decodingWorkMemMegabytes}MB'`);
    }
    const { rows } = await session.query<{ server_encoding: string }>('show server_encoding');
    const parse = createParser({ encoding: rows[0]?.server_encoding ?? 'UTF8' });
    stream = new ReplicationStream(session, parse, options);
    await stream.start();
    return stream;
  } catch (error) {
    if (stream) await stream[Symbol.asyncDispose]();
    else await session.close();
    throw streamError(error, options.slot);
  }
}

/** The part of pg's connection that is used; its types leave some of it out. */
interface WireConnection {
  stream: Duplex;
  query(text: string): void;
}

interface Waiter<T> {
  resolve: (value: T) => void;
  reject: (error: Error) => void;
}

class ReplicationStream implements WalStream {
  readonly #session: PgSession;
  readonly #parse: WalParser;
  readonly #options: WalStreamOptions;
  readonly #maxBufferedBytes: number;
  readonly #frames: StreamFrames;
  #socket: Duplex | undefined;
  /** pg's own reader of the socket; it gets everything that is not CopyData. */
  #readMessages: ((chunk: Buffer) => void) | undefined;
  #started: Waiter<void> | undefined;
  #waiter: Waiter<WalMessage[]> | undefined;
  #isWoken = false;
  #messages: WalMessage[] = [];
  #bufferedBytes = 0;
  #isPaused = false;
  readonly #pace = new ReadPace();
  #isInTransaction = false;
  #failure: MigrationError | undefined;
  #isClosing = false;
  #confirmed: Lsn;
  #reported: Lsn;
  /** The high and the low half of the furthest position, and of the idle one. */
  #receivedHigh = 0;
  #receivedLow = 0;
  #idle: Lsn | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  constructor(session: PgSession, parse: WalParser, options: WalStreamOptions) {
    this.#session = session;
    this.#parse = parse;
    this.#options = options;
    this.#maxBufferedBytes = options.maxBufferedBytes ?? DEFAULT_BUFFERED_BYTES;
    this.#confirmed = options.start;
    this.#reported = options.start;
    this.#frames = new StreamFrames({
      onData: (bytes, start, end) => this.#takeData(bytes, start, end),
      onOther: (frame) => this.#takeOther(frame),
    });
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#started = { resolve, reject };
      this.#options.signal.addEventListener('abort', this.#onAbort);
      if (this.#options.signal.aborted) this.#onAbort();
      this.#session.client.query({
        submit: (connection: unknown) => this.#submit(connection as WireConnection),
        handleError: (error: unknown) => this.#fail(streamError(error, this.#options.slot)),
        handleCommandComplete: () => undefined,
        handleReadyForQuery: () => undefined,
      } as pg.Submittable);
    });
  }

  async next(): Promise<WalMessage[]> {
    if (this.#messages.length > 0 || this.#isWoken) {
      this.#isWoken = false;
      return this.tryNext();
    }
    if (this.#failure) throw this.#failure;
    if (this.#waiter) throw new MigrationError('internal', 'The stream has a reader already.');
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  tryNext(): WalMessage[] {
    const messages = this.#messages;
    if (messages.length === 0) return [];
    this.#messages = [];
    this.#bufferedBytes = 0;
    if (this.#isPaused) {
      this.#isPaused = false;
      this.#pace.startAnew(performance.now());
      this.#socket?.resume();
    }
    return messages;
  }

  get isFlowing(): boolean {
    return this.#pace.isFlood;
  }

  wake(): void {
    this.#isWoken = true;
    this.#settleWaiter();
  }

  confirm(lsn: Lsn): void {
    if (lsn <= this.#confirmed) return;
    this.#confirmed = lsn;
    if (lsn - this.#reported >= FEEDBACK_BYTES) this.#report();
  }

  get receivedLsn(): Lsn {
    return (BigInt(this.#receivedHigh) << 32n) | BigInt(this.#receivedLow);
  }

  get idleLsn(): Lsn | undefined {
    return this.#messages.length === 0 ? this.#idle : undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  #submit(connection: WireConnection): void {
    const socket = connection.stream;
    this.#socket = socket;
    const [reader] = socket.listeners('data');
    this.#readMessages = reader as (chunk: Buffer) => void;
    socket.removeListener('data', this.#readMessages);
    if (socket instanceof ReusedBufferSocket) socket.takeOver(this.#onChunk);
    else socket.on('data', this.#onChunk);
    socket.once('close', this.#onClose);
    connection.query(startCommand(this.#options.slot, this.#options.start, this.#options.plugin));
  }

  readonly #onChunk = (chunk: Buffer): void => {
    if (this.#failure || this.#isClosing) return;
    try {
      this.#frames.push(chunk);
    } catch (error) {
      this.#fail(streamError(error, this.#options.slot));
      return;
    }
    if (this.#bufferedBytes > this.#maxBufferedBytes) {
      this.#isPaused = true;
      this.#socket?.pause();
    } else if (this.#socket instanceof ReusedBufferSocket) {
      const isAll = chunk.length < READ_BYTES;
      this.#rest(this.#pace.restAfter(chunk.length, isAll, performance.now()));
    }
    this.#settleWaiter();
  };

  /**
   * Not under TLS, which hands over one record at a time. Where there is more to read already, the
   * target has its turn between chunks.
   */
  #rest(ms: number): void {
    this.#socket?.pause();
    const resume = () => {
      if (!this.#isPaused) this.#socket?.resume();
    };
    if (ms === 0) setImmediate(resume);
    else setTimeout(resume, ms);
  }

  #takeData(bytes: Buffer, start: number, end: number): void {
    const kind = bytes[start];
    if (kind === XLOG_DATA) {
      this.#noteReceived(bytes.readUInt32BE(start + 9), bytes.readUInt32BE(start + 13));
      this.#idle = undefined;
      const message = this.#parse(bytes, start + XLOG_HEADER_BYTES, end);
      if (message.action === 'B') this.#isInTransaction = true;
      else if (message.action === 'C') this.#isInTransaction = false;
      this.#messages.push(message);
      this.#bufferedBytes += end - start;
      return;
    }
    if (kind !== KEEPALIVE) return;
    this.#noteReceived(bytes.readUInt32BE(start + 1), bytes.readUInt32BE(start + 5));
    if (!this.#isInTransaction) this.#idle = bytes.readBigUInt64BE(start + 1);
    if (bytes[start + 17] === 1) {
      this.#report();
      // A server that shuts down asks until everything it has sent is confirmed, and waits for it.
      // Only the reader knows whether the idle position may be.
      this.wake();
    }
  }

  #noteReceived(high: number, low: number): void {
    if (high < this.#receivedHigh || (high === this.#receivedHigh && low <= this.#receivedLow)) {
      return;
    }
    this.#receivedHigh = high;
    this.#receivedLow = low;
  }

  #takeOther(frame: Buffer): void {
    if (frame[0] === COPY_BOTH) this.#onStarted();
    if (frame[0] === COPY_DONE) {
      this.#fail(streamEnded(this.#options.slot));
      return;
    }
    this.#readMessages?.(frame);
  }

  #onStarted(): void {
    this.#timer = setInterval(
      () => this.#report(),
      this.#options.feedbackEveryMs ?? DEFAULT_FEEDBACK_MS,
    );
    this.#started?.resolve();
    this.#started = undefined;
  }

  readonly #onAbort = (): void => this.#fail(canceled());

  /** pg tells of an error first, if there was one. */
  readonly #onClose = (): void => {
    setImmediate(() => this.#fail(streamEnded(this.#options.slot)));
  };

  /** The server may forget what lies before the confirmed position. */
  #report(): void {
    const socket = this.#socket;
    if (!socket || socket.destroyed || this.#failure || this.#isClosing) return;
    // A server that does not read gets no more than one report to read.
    if (socket.writableLength > 0) return;
    socket.write(statusUpdate(this.#confirmed));
    this.#reported = this.#confirmed;
  }

  #fail(failure: MigrationError): void {
    if (this.#failure || this.#isClosing) return;
    this.#failure = failure;
    this.#stopTimer();
    this.#socket?.destroy();
    this.#started?.reject(failure);
    this.#started = undefined;
    this.#settleWaiter();
  }

  #settleWaiter(): void {
    const waiter = this.#waiter;
    if (!waiter) return;
    if (this.#messages.length > 0 || this.#isWoken) {
      this.#waiter = undefined;
      this.#isWoken = false;
      waiter.resolve(this.tryNext());
    } else if (this.#failure) {
      this.#waiter = undefined;
      waiter.reject(this.#failure);
    }
  }

  #stopTimer(): void {
    clearInterval(this.#timer);
    this.#options.signal.removeEventListener('abort', this.#onAbort);
  }

  /**
   * A last report, then Terminate, which a walsender obeys in the middle of a transaction too. The
   * slot is free when the server has closed the connection.
   */
  async #close(): Promise<void> {
    this.#report();
    this.#isClosing = true;
    this.#stopTimer();
    this.#messages = [];
    this.#failure ??= new MigrationError('canceled', 'The change stream was closed.');
    this.#settleWaiter();
    const socket = this.#socket;
    if (socket && !socket.destroyed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, CLOSE_MS);
        socket.once('close', () => {
          clearTimeout(timer);
          resolve();
        });
        socket.on('error', () => undefined);
        socket.end(TERMINATE);
        // What it still sends has to be read, or the end would never come.
        socket.resume();
      });
      socket.destroy();
    }
    await this.#session.close();
  }
}

function canceled(): MigrationError {
  return new MigrationError('canceled', 'The change stream was stopped.');
}
