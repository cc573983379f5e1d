import { setImmediate as turn } from 'node:timers/promises';
import { connect } from '../../shared/pg/connect.ts';
import type { PgSession } from '../../shared/pg/connect.ts';
import type { PgEndpoint } from '../../shared/pg/endpoint.ts';
import type { TableFilter } from '../../shared/pg/tablePattern.ts';
import { openReadBack } from '../../shared/wal/apply/readBack.ts';
import { requireSameServer } from '../../shared/wal/copy/tableSnapshot.ts';
import type { Lsn } from '../../shared/wal/lsn.ts';
import type { WalMessage } from '../../shared/wal/messages.ts';
import { readPlannedSchema } from '../../shared/wal/plannedSchema.ts';
import { probePlugin } from '../../shared/wal/plugin.ts';
import { readProgress, takeOver } from '../../shared/wal/progress.ts';
import type { StreamProgress } from '../../shared/wal/progress.ts';
import { checkSlot } from '../../shared/wal/slot.ts';
import { openWalStream } from '../../shared/wal/stream.ts';
import type { WalStream } from '../../shared/wal/stream.ts';
import { openApplySession, standAside } from './applySession.ts';
import { Group, writeProgress } from './group.ts';
import type { GroupCounters } from './group.ts';
import { Handshakes } from './handshakes.ts';
import { moreOf } from './moreMessages.ts';
import { PartSnapshots } from './partSnapshots.ts';
import { replayHeld } from './replay.ts';
import { SourceWatch } from './sourceWatch.ts';
import type { StreamReport } from './sourceWatch.ts';
import { TableBook } from './tableBook.ts';
import { VisibilityWatch } from './visibilityWatch.ts';

export interface StreamOptions {
  source: PgEndpoint;
  target: PgEndpoint;
  migrationId: string;
  slot: string;
  /** Of the slot: see pgmove.progress. */
  generation: number;
  filter: TableFilter;
  applicationName: string;
  /** Of the walsender; absent or 0: as the source has it. */
  decodingWorkMemMegabytes?: number;
  signal: AbortSignal;
  /** Ends the session behind the transaction that is being applied, with the progress committed. */
  finish?: AbortSignal;
  /** Apply nothing that ends after this position; undefined: everything. Asked between groups. */
  drainTo: () => Lsn | undefined;
  /** Called once, with what makes the session look at `drainTo` at once. */
  onStart?: (wake: () => void) => void;
  /** Called about once a second, and at once when the stage changes. */
  onReport: (report: StreamReport) => void;
  /** Counts go on from these: a session is one of many in the life of a stream. */
  counters: GroupCounters;
  /** For tests: is called at named points and may throw. */
  failPoint?: (name: string) => void | Promise<void>;
}

/** A group is committed when it has this much, at the end of a transaction. */
const MOST_CHANGES = 200_000;
const MOST_BYTES = 128 * 1024 * 1024;
const MOST_MS = 1_000;

/**
 * After so many messages whatever else waits has its turn: the target, which has answered, would do
 * nothing until it gets its next statement.
 */
const TURN_MESSAGES = 1_000;

/** How often the tables' states are read without a notification, and other things are looked at. */
const LOOK_EVERY_MS = 500;

/** Transactions are seen visible by looking at the source this often while a copy waits for them. */
const VISIBLE_EVERY_MS = 20;

/** An idle stream's position is written this often. */
const IDLE_PROGRESS_MS = 5_000;

/**
 * One session of a database's stream: takes over the progress, reads the slot, and keeps the target
 * up to date until the signal ends it. Throws for what needs another session (connectionFailed,
 * lockTimeout) or somebody to act (diverged, schemaChanged, slotLost).
 */
export async function runStream(options: StreamOptions): Promise<void> {
  const { signal, applicationName } = options;
  try {
    await using target = await openApplySession(options);
    await using source = await connect(options.source, {
      applicationName,
      signal,
      settings: { default_transaction_read_only: 'on' },
    });
    await using watched = await connect(options.source, {
      applicationName,
      signal,
      settings: { default_transaction_read_only: 'on' },
    });
    const known = await readProgress(target);
    await requireSameServer(source, known);
    const plugin = await probePlugin(source, options.slot);
    await using stream = await openWalStream({
      endpoint: options.source,
      slot: options.slot,
      start: known.lsn,
      applicationName,
      decodingWorkMemMegabytes: options.decodingWorkMemMegabytes ?? 0,
      // The name of a server may lead somewhere else with each connection.
      checkServer: (walsender) => requireSameServer(walsender, known),
      signal,
      plugin,
    });
    // The slot has one reader: who could not open it does not disturb the one who reads it. What an
    // older session of the target still commits is known to whoever takes over, or is refused.
    const progress = await takeOver(target, options.generation);
    // Nobody can make the slot anew while it is read.
    await checkSlot(source, options.slot, { ...progress, position: progress.lsn });
    const session = new StreamSession(options, {
      target,
      source,
      watched,
      stream,
      progress,
      isNullAmbiguous: plugin.isNullAmbiguous,
    });
    await session.run();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

interface Parts {
  target: PgSession;
  /** For what has to be quick: which transactions are visible, values that are read back. */
  source: PgSession;
  /** For what may take a moment: the slot, the schema. */
  watched: PgSession;
  stream: WalStream;
  progress: StreamProgress;
  /** A null of a number may stand for NaN or infinity: see shared/wal/plugin.ts. */
  isNullAmbiguous: boolean;
}

class StreamSession {
  readonly #options: StreamOptions;
  readonly #parts: Parts;
  readonly #book: TableBook;
  readonly #watch: VisibilityWatch;
  readonly #sourceWatch: SourceWatch;
  #appliedLsn: Lsn;
  #isNoticed = true;
  #lookedAt = 0;
  #idleWrittenAt = Date.now();
  /** Messages behind the position of the cutover. */
  #backlog: WalMessage[] | undefined;
  #drainedTo: Lsn | undefined;
  /** Ends a pause in which no message is taken. */
  #resume: () => void = () => undefined;

  constructor(options: StreamOptions, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
    this.#book = new TableBook(parts.target, options.generation);
    this.#watch = new VisibilityWatch(parts.source, parts.progress.unconfirmed);
    const { consistentPoint } = parts.progress;
    this.#sourceWatch = new SourceWatch(parts.watched, this.#book, { ...options, consistentPoint });
    this.#appliedLsn = parts.progress.lsn;
  }

  async run(): Promise<void> {
    const { target, source, stream, progress } = this.#parts;
    const { epoch } = progress;
    const { signal, finish, failPoint } = this.#options;
    const onAbort = () => {
      stream.wake();
      this.#resume();
    };
    const wake = () => {
      this.#isNoticed = true;
      onAbort();
    };
    target.client.on('notification', wake);
    this.#options.onStart?.(wake);
    const timer = setInterval(onAbort, LOOK_EVERY_MS);
    for (const end of [signal, finish]) end?.addEventListener('abort', onAbort, { once: true });
    await using partSnapshots = new PartSnapshots(this.#options.source, {
      applicationName: this.#options.applicationName,
      slotSnapshot: progress.slotSnapshot,
      systemIdentifier: progress.systemIdentifier,
      timeline: progress.timeline,
      signal,
      onChange: wake,
    });
    const handshakes = new Handshakes(target, this.#book, this.#watch, partSnapshots, {
      epoch,
      ...(failPoint === undefined ? {} : { failPoint }),
    });
    const isReplicaRole = await standAside(target);
    const group = new Group(target, this.#book, this.#options.counters, {
      epoch,
      applier: {
        isReplicaRole,
        ...(this.#parts.isNullAmbiguous ? { readBack: openReadBack(source) } : {}),
      },
      onUnplanned: (schema, table) => this.#sourceWatch.noteUnplanned(schema, table),
    });
    stream.confirm(this.#appliedLsn);
    try {
      while (!signal.aborted && finish?.aborted !== true) {
        await this.#betweenGroups(group, handshakes);
        if (this.#drainedTo !== undefined) {
          // Nothing more is applied; the wake-ups see when that changes.
          await new Promise<void>((resolve) => (this.#resume = resolve));
          continue;
        }
        const messages = this.#backlog ?? (await this.#nextMessages(handshakes));
        this.#backlog = undefined;
        if (messages.length > 0) await this.#takeAll(group, messages);
      }
    } finally {
      clearInterval(timer);
      for (const end of [signal, finish]) end?.removeEventListener('abort', onAbort);
      target.client.removeListener('notification', wake);
      await this.#sourceWatch.stop();
    }
  }

  async #nextMessages(handshakes: Handshakes): Promise<WalMessage[]> {
    const { stream } = this.#parts;
    if (!handshakes.isWaiting) return await stream.next();
    const timer = setTimeout(() => {
      this.#isNoticed = true;
      stream.wake();
    }, VISIBLE_EVERY_MS);
    try {
      return await stream.next();
    } finally {
      clearTimeout(timer);
    }
  }

  /** Everything that must not happen inside a group: states, hand-shakes, replays, reports. */
  async #betweenGroups(group: Group, handshakes: Handshakes): Promise<void> {
    const { target } = this.#parts;
    const { failPoint } = this.#options;
    await failPoint?.('betweenGroups');
    const now = Date.now();
    if (this.#isNoticed || now - this.#lookedAt >= LOOK_EVERY_MS) {
      this.#isNoticed = false;
      this.#lookedAt = now;
      await this.#book.refresh();
      let hasChanged = await handshakes.restartLost();
      hasChanged = (await handshakes.work()) || hasChanged;
      if (hasChanged) await this.#book.refresh();
    }
    for (const table of this.#book.inState('indexed')) {
      // One chunk for each table, then the stream goes on.
      const isReady = await replayHeld(target, group, table, failPoint);
      if (!isReady) this.#isNoticed = true;
    }
    this.#lookAtDrain();
    await this.#writeIdleProgress();
    if (this.#book.isPlanned && !this.#sourceWatch.knowsSchema) {
      this.#sourceWatch.expectSchema(await readPlannedSchema(target));
    }
    this.#sourceWatch.report({
      appliedLsn: this.#position(),
      receivedLsn: this.#parts.stream.receivedLsn,
      readBackUntil: group.readBackUntil ?? this.#parts.progress.readBackLsn,
      isDrained: this.#drainedTo !== undefined,
    });
  }

  /** With nothing waiting, what the keepalive says is reached too. */
  #position(): Lsn {
    const { idleLsn } = this.#parts.stream;
    const isIdle = this.#backlog === undefined && idleLsn !== undefined;
    return isIdle && idleLsn > this.#appliedLsn ? idleLsn : this.#appliedLsn;
  }

  #lookAtDrain(): void {
    const drainTo = this.#options.drainTo();
    // The cutover failed, or another one is asked for: the stream goes on.
    if (drainTo !== this.#drainedTo) this.#drainedTo = undefined;
    if (drainTo !== undefined && this.#appliedLsn >= drainTo) this.#drainedTo = drainTo;
  }

  /** Without transactions the position moves with the keepalives, or the WAL would pile up. */
  async #writeIdleProgress(): Promise<void> {
    const { stream, target, progress } = this.#parts;
    const { idleLsn } = stream;
    if (this.#backlog !== undefined || idleLsn === undefined) return;
    if (idleLsn <= this.#appliedLsn) return;
    const isAwaited =
      this.#appliedLsn < this.#book.copiedUpTo || this.#options.drainTo() !== undefined;
    if (!isAwaited && Date.now() - this.#idleWrittenAt < IDLE_PROGRESS_MS) return;
    await this.#watch.look();
    await writeProgress(target, progress.epoch, {
      lsn: idleLsn,
      unconfirmed: this.#watch.unconfirmed,
      readBackLsn: undefined,
    });
    this.#idleWrittenAt = Date.now();
    this.#appliedLsn = idleLsn;
    stream.confirm(idleLsn);
    this.#lookAtDrain();
  }

  /** Takes messages to the end of a group: between transactions, nothing there, or large enough. */
  async #takeAll(group: Group, first: WalMessage[]): Promise<void> {
    const { stream } = this.#parts;
    const { signal, finish, failPoint } = this.#options;
    await failPoint?.('received');
    for (let messages = first; messages.length > 0;) {
      const isEnded = await this.#take(group, messages);
      if (signal.aborted) return;
      if (isEnded || (finish?.aborted === true && !group.isInTransaction)) break;
      messages = await (group.isInTransaction ? this.#rest(signal) : moreOf(stream, group.busy));
    }
    await this.#commit(group);
  }

  /** The next messages of a transaction that has begun. */
  async #rest(signal: AbortSignal): Promise<WalMessage[]> {
    for (;;) {
      const messages = await this.#parts.stream.next();
      // A wake-up is not for whoever is in the middle of a transaction.
      if (messages.length > 0 || signal.aborted) return messages;
    }
  }

  /**
   * @returns whether the group is to end here: it is large enough, or the position of the cutover is
   *   reached. What is behind is kept for later.
   */
  async #take(group: Group, messages: WalMessage[]): Promise<boolean> {
    const drainTo = this.#options.drainTo();
    for (const [index, message] of messages.entries()) {
      if (index % TURN_MESSAGES === TURN_MESSAGES - 1) await turn();
      switch (message.action) {
        case 'B':
          if (drainTo !== undefined && message.endLsn > drainTo) {
            this.#backlog = messages.slice(index);
            await this.#commit(group);
            this.#drainedTo = drainTo;
            return true;
          }
          group.beginTransaction(message.xid, message.endLsn, this.#appliedLsn);
          break;
        case 'C': {
          const waits = group.endTransaction();
          if (waits) await waits;
          if (!isFull(group)) break;
          if (index + 1 < messages.length) this.#backlog = messages.slice(index + 1);
          return true;
        }
        case 'T': {
          const waits = group.truncate(message.schema, message.table);
          if (waits) await waits;
          break;
        }
        case 'M':
          break;
        case 'I':
        case 'U':
        case 'D': {
          const waits = group.row(message);
          if (waits) await waits;
        }
      }
    }
    return false;
  }

  async #commit(group: Group): Promise<void> {
    const { stream } = this.#parts;
    const { failPoint } = this.#options;
    if (group.endLsn === undefined) return;
    this.#watch.add(group.xids);
    await failPoint?.('midGroup');
    await group.flush();
    await this.#watch.look();
    await failPoint?.('beforeCommit');
    this.#appliedLsn = await group.commit(this.#watch.unconfirmed);
    await failPoint?.('committed');
    stream.confirm(this.#appliedLsn);
  }
}

function isFull(group: Group): boolean {
  const { ms, changes, bytes } = group.size;
  return ms >= MOST_MS || changes >= MOST_CHANGES || bytes >= MOST_BYTES;
}
