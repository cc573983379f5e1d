import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { endpointOf } from '../shared/api/endpoints.ts';
import type {
  MigrationRecord,
  ReplicationRecord,
  StreamStatus,
} from '../shared/contracts/records.ts';
import { databaseEvent } from '../shared/contracts/events.ts';
import { kindOf } from '../shared/errors/classify.ts';
import { MigrationError } from '../shared/errors/migrationError.ts';
import { connect } from '../shared/pg/connect.ts';
import { safeCause } from '../shared/pg/copy/failure.ts';
import type { PgSession } from '../shared/pg/connect.ts';
import type { PgEndpoint } from '../shared/pg/endpoint.ts';
import type { SecretStore } from '../shared/secrets/secretStore.ts';
import type { Stores } from '../shared/state/stores.ts';
import { fieldsOf } from '../shared/telemetry/fields.ts';
import type { LogFields } from '../shared/telemetry/fields.ts';
import { countError } from '../shared/telemetry/metrics.ts';
import { parseLsn } from '../shared/wal/lsn.ts';
import type { Lsn } from '../shared/wal/lsn.ts';
import { beginProgress, findProgress } from '../shared/wal/progress.ts';
import { createProvenSlot } from '../shared/wal/provenSlot.ts';
import { dropSlot, readSlot } from '../shared/wal/slot.ts';
import type { StreamReading } from './metrics.ts';
import type { GroupCounters } from './stream/group.ts';
import { needsOperator } from './stream/needsOperator.ts';
import { runStream } from './stream/session.ts';
import type { StreamReport } from './stream/sourceWatch.ts';

type Observed = ReplicationRecord['observed'];
export type StreamWish = Extract<ReplicationRecord['desired'], { phase: 'stream' }>;

export interface StreamKeeperOptions {
  stores: Stores;
  secrets: SecretStore;
  log: Logger;
  slotWaitMs: number;
  failedSlotMaxBytes: number;
  decodingWorkMemMegabytes: number;
  allowedHosts: readonly string[];
  /** Writes what was observed into the row, and tells whoever waits when `isNews`. */
  observe: (
    record: ReplicationRecord,
    change: { observed?: Observed; stream?: StreamStatus },
    isNews: boolean,
  ) => Promise<void>;
}

interface Running {
  record: ReplicationRecord;
  wish: StreamWish;
  /** Ends the stream at once; what is not committed comes again. */
  stop: AbortController;
  /** Ends it behind the transaction that is being applied. */
  finish: AbortController;
  done: Promise<void>;
  /** Makes the session look at what is wanted. */
  wake: () => void;
  /** What the session counts, over all its attempts. */
  counters: GroupCounters;
  report?: StreamReport;
}

/** Pauses before a session is begun again after something that time may cure. */
const RETRY_MS = [200, 500, 1_000, 2_000, 3_000, 5_000];

/** A session that ran for this long had a good start: the pauses begin anew. */
const GOOD_RUN_MS = 60_000;

/** How long a reader of the slot may take to end. */
const RELEASE_MS = 20_000;

/** An unknown error ends the stream only when it comes again and again. */
const MOST_UNKNOWN_FAILURES = 5;

/** The streams that this process runs, one per database of a migration. */
export class StreamKeeper implements AsyncDisposable {
  readonly #options: StreamKeeperOptions;
  readonly #running = new Map<string, Running>();

  constructor(options: StreamKeeperOptions) {
    this.#options = options;
  }

  get isBusy(): boolean {
    return this.#running.size > 0;
  }

  /** As they are now, for metrics. */
  *readings(): Iterable<StreamReading> {
    for (const { record, counters, report } of this.#running.values()) {
      yield { migrationId: record.ref.id, database: record.database, counters, report };
    }
  }

  runs(record: ReplicationRecord): boolean {
    return this.#running.has(keyOf(record));
  }

  /** Works towards the wish: begins the stream, or tells the one that runs what changed. */
  async follow(record: ReplicationRecord, wish: StreamWish): Promise<void> {
    const running = this.#running.get(keyOf(record));
    if (running !== undefined) {
      const isSame = running.wish.generation === wish.generation && running.wish.run === wish.run;
      if (!isSame) {
        await this.stop(record);
      } else {
        running.wish = wish;
        running.wake();
        if (isOver(wish.until)) await this.#giveUp(record, wish, 'its time ran out');
        return;
      }
    }
    const { observed } = record;
    const hasFailed =
      observed.phase === 'streamFailed' &&
      observed.generation === wish.generation &&
      observed.run === wish.run;
    if (hasFailed) {
      if (!observed.isSlotLost) await this.#watchKept(record, wish);
      return;
    }
    this.#begin(record, wish);
  }

  /** Ends the stream; the slot stays. */
  async stop(record: ReplicationRecord): Promise<void> {
    const running = this.#running.get(keyOf(record));
    if (running === undefined) return;
    running.stop.abort();
    await running.done;
  }

  /**
   * Ends every stream where another replicator can go on: behind the transaction that is being applied.
   * Calls `onEnded` for each as soon as it has ended. What has not ended when `signal` does is broken off.
   */
  async handOver(
    onEnded: (record: ReplicationRecord) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const ended = [...this.#running.values()].map(async ({ record, finish, stop, done }) => {
      const breakOff = () => stop.abort();
      signal.addEventListener('abort', breakOff, { once: true });
      if (signal.aborted) breakOff();
      finish.abort();
      await done;
      signal.removeEventListener('abort', breakOff);
      await onEnded(record);
    });
    await Promise.all(ended);
  }

  /** Ends the stream and drops its slot. */
  async release(record: ReplicationRecord, slot: string): Promise<void> {
    await this.stop(record);
    await using session = await this.#openSource(record);
    await dropSlot(session, slot, { signal: AbortSignal.timeout(RELEASE_MS) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = [...this.#running.values()];
    for (const { stop } of running) stop.abort();
    await Promise.all(running.map(({ done }) => done));
  }

  #begin(record: ReplicationRecord, wish: StreamWish): void {
    const key = keyOf(record);
    const running: Running = {
      record,
      wish,
      stop: new AbortController(),
      finish: new AbortController(),
      done: Promise.resolve(),
      wake: () => undefined,
      counters: countersOf(record.stream),
    };
    this.#running.set(key, running);
    running.done = this.#run(record, running)
      .catch((error: unknown) => {
        this.#options.log.error({ ...nameOf(record), error: safeCause(error) }, 'stream ended');
      })
      .finally(() => this.#running.delete(key));
  }

  async #run(record: ReplicationRecord, running: Running): Promise<void> {
    const { log, observe } = this.#options;
    const { wish } = running;
    // Between two sessions nothing has to be finished.
    const ending = AbortSignal.any([running.stop.signal, running.finish.signal]);
    let [failures, unknown] = [0, 0];
    while (!ending.aborted) {
      const startedAt = Date.now();
      try {
        await this.#session(record, running);
        return;
      } catch (error) {
        if (ending.aborted) return;
        if (Date.now() - startedAt > GOOD_RUN_MS) [failures, unknown] = [0, 0];
        const kind = kindOf(error);
        if (kind === 'internal') unknown += 1;
        // Another replicator applies: this one looks at the lease again.
        if (kind === 'fenced') return;
        countError('stream', kind);
        const reason = safeCause(error);
        if (needsOperator(error) || unknown >= MOST_UNKNOWN_FAILURES) {
          log.warn({ ...nameOf(record), kind, error: reason }, 'stream failed');
          const { generation, run } = wish;
          const isSlotLost = kind === 'slotLost';
          const observed = { phase: 'streamFailed', generation, run, reason, isSlotLost } as const;
          await observe(record, { observed }, true);
          return;
        }
        log.warn({ ...nameOf(record), kind, error: reason }, 'stream begins again');
        const pause = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 1_000;
        failures += 1;
        await delay(pause, undefined, { signal: ending }).catch(() => undefined);
      }
    }
  }

  async #session(record: ReplicationRecord, running: Running): Promise<void> {
    const { observe } = this.#options;
    const { wish, stop, finish, counters } = running;
    const { source, target, migration } = await this.#endpoints(record);
    const applicationName = applicationNameOf(record);
    // A slot that is being made is made anew by the next replicator.
    const signal = AbortSignal.any([stop.signal, finish.signal]);
    await this.#ensureSlot(record, wish, { source, target, signal });
    const { generation, run } = wish;
    let stage = '';
    const write: { now?: Promise<void> } = {};
    const onReport = (report: StreamReport) => {
      running.report = report;
      const isNews = report.stage !== stage;
      // One write at a time; a report that comes meanwhile is followed by another one soon.
      if (write.now !== undefined && !isNews) return;
      stage = report.stage;
      const since = new Date().toISOString();
      const observed = { phase: 'streaming', generation, run, stage: report.stage, since } as const;
      const before = write.now ?? Promise.resolve();
      const next = before
        .then(() => observe(record, { observed, stream: report.status }, isNews))
        .finally(() => {
          if (write.now === next) delete write.now;
        });
      write.now = next;
    };
    try {
      await runStream({
        source,
        target,
        migrationId: record.ref.id,
        slot: wish.slot,
        generation,
        filter: { include: migration.spec.includeTables, exclude: migration.spec.excludeTables },
        applicationName,
        decodingWorkMemMegabytes: this.#options.decodingWorkMemMegabytes,
        signal: stop.signal,
        finish: finish.signal,
        drainTo: () => drainToOf(running.wish),
        onStart: (wake) => (running.wake = wake),
        onReport,
        counters,
      });
    } finally {
      await write.now;
    }
  }

  /** Makes the slot of this generation unless its progress is on the target already. */
  async #ensureSlot(
    record: ReplicationRecord,
    wish: StreamWish,
    sides: { source: PgEndpoint; target: PgEndpoint; signal: AbortSignal },
  ): Promise<void> {
    const { source, target: into, signal } = sides;
    const applicationName = applicationNameOf(record);
    await using target = await connect(into, { applicationName, signal });
    const known = await findProgress(target);
    if (known?.generation === wish.generation) return;
    this.#options.log.info({ ...nameOf(record), slot: wish.slot }, 'creating the slot');
    const made = await createProvenSlot({
      endpoint: source,
      slot: wish.slot,
      applicationName,
      signal,
      waitMs: this.#options.slotWaitMs,
      onWait: (blockers) => void this.#tellWait(record, blockers),
    });
    await this.#tellWait(record, undefined);
    await beginProgress(target, { ...made, generation: wish.generation });
  }

  /** Says in the database's row what its slot waits for. */
  async #tellWait(record: ReplicationRecord, blockers: string | undefined): Promise<void> {
    const { stores, log } = this.#options;
    const operation =
      blockers === undefined
        ? 'Preparing the stream'
        : `Creating the replication slot: it waits for ${blockers}`;
    try {
      await stores.databases.update(record.ref.id, record.database, (row) =>
        row.state === 'InProgress' ? { record: { ...row, operation } } : undefined,
      );
    } catch (error) {
      log.warn({ ...nameOf(record), error: safeCause(error) }, 'not noted');
    }
  }

  /** A slot that is only kept for a resume goes when its time, or what it may keep, is over. */
  async #watchKept(record: ReplicationRecord, wish: StreamWish): Promise<void> {
    if (wish.until === undefined) return;
    if (isOver(wish.until)) {
      await this.#giveUp(record, wish, 'the time for a resume ran out');
      return;
    }
    await using session = await this.#openSource(record);
    const slot = await readSlot(session, wish.slot);
    if (slot === undefined || slot.retainedBytes > BigInt(this.#options.failedSlotMaxBytes)) {
      await this.#giveUp(record, wish, 'it kept more WAL than it may');
    }
  }

  async #giveUp(record: ReplicationRecord, wish: StreamWish, why: string): Promise<void> {
    await this.release(record, wish.slot);
    const { generation, run } = wish;
    const reason = `The slot ${wish.slot} of the failed database was dropped: ${why}. A resume copies again.`;
    const observed = {
      phase: 'streamFailed',
      generation,
      run,
      reason,
      isSlotLost: true,
    } as const;
    await this.#options.observe(record, { observed }, true);
    const now = new Date().toISOString();
    await this.#options.stores.databases.update(record.ref.id, record.database, (row) => ({
      record: { ...row, message: [row.message, reason].filter((text) => text !== '').join(' ') },
      events: [databaseEvent('SlotDropped', record.ref, row, now, { slot: wish.slot, reason })],
    }));
  }

  async #openSource(record: ReplicationRecord): Promise<PgSession> {
    const { source } = await this.#endpoints(record);
    return await connect(source, { applicationName: applicationNameOf(record) });
  }

  async #endpoints(
    record: ReplicationRecord,
  ): Promise<{ source: PgEndpoint; target: PgEndpoint; migration: MigrationRecord }> {
    const { stores, secrets, allowedHosts } = this.#options;
    const migration = await stores.migrations.get(record.ref);
    if (migration === undefined) {
      throw new MigrationError('invalidInput', `The migration ${record.ref.name} is gone.`);
    }
    const bundle = (await secrets.get(migration.secretId)) ?? {};
    const { database } = record;
    const targetName = migration.spec.targetDbNames[database] ?? database;
    return {
      source: endpointOf(migration, 'source', database, bundle, allowedHosts),
      target: endpointOf(migration, 'target', targetName, bundle, allowedHosts),
      migration,
    };
  }
}

function drainToOf({ drainTo }: StreamWish): Lsn | undefined {
  return drainTo === undefined ? undefined : parseLsn(drainTo);
}

function applicationNameOf(record: ReplicationRecord): string {
  return `pgmove/${record.ref.name}/stream`;
}

function isOver(until: string | undefined): boolean {
  return until !== undefined && Date.parse(until) <= Date.now();
}

function countersOf(stream: StreamStatus | undefined): GroupCounters {
  return {
    transactions: stream?.transactions ?? 0,
    incoming: stream?.incomingChanges ?? 0,
    applied: stream?.appliedChanges ?? 0,
    inserts: stream?.inserts ?? 0,
    updates: stream?.updates ?? 0,
    deletes: stream?.deletes ?? 0,
    truncates: stream?.truncates ?? 0,
  };
}

function keyOf(record: ReplicationRecord): string {
  return `${record.ref.id}/${record.database}`;
}

function nameOf(record: ReplicationRecord): LogFields {
  return { ...fieldsOf(record.ref, record.database), step: 'stream' };
}
