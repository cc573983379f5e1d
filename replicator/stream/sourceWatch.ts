import { setTimeout as delay } from 'node:timers/promises';
import type { StreamStage, StreamStatus } from '../../shared/contracts/records.ts';
import { MigrationError } from '../../shared/errors/migrationError.ts';
import type { PgSession } from '../../shared/pg/connect.ts';
import {
  compareFingerprints,
  readSchemaFingerprint,
} from '../../shared/pg/source/schemaFingerprint.ts';
import type { SchemaFingerprint } from '../../shared/pg/source/schemaFingerprint.ts';
import type { TableFilter } from '../../shared/pg/tablePattern.ts';
import { formatLsn } from '../../shared/wal/lsn.ts';
import type { Lsn } from '../../shared/wal/lsn.ts';
import { readSlot } from '../../shared/wal/slot.ts';
import type { SlotState } from '../../shared/wal/slot.ts';
import type { GroupCounters } from './group.ts';
import { LagWatch } from './lagWatch.ts';
import type { TableBook } from './tableBook.ts';
import { UnplannedTables } from './unplannedTables.ts';

export interface StreamReport {
  stage: StreamStage;
  status: StreamStatus;
}

export interface StreamPosition {
  appliedLsn: Lsn;
  receivedLsn: Lsn;
  /** The target is not consistent before: values were read back as they were here. */
  readBackUntil: Lsn | undefined;
  isDrained: boolean;
}

export interface SourceWatchOptions {
  slot: string;
  consistentPoint: Lsn;
  filter: TableFilter;
  counters: GroupCounters;
  onReport: (report: StreamReport) => void;
}

const SAMPLE_EVERY_MS = 500;
const SLOT_EVERY_MS = 2_000;
const SCHEMA_EVERY_MS = 10_000;
const REPORT_EVERY_MS = 1_000;

/** Who has not reported for so long is busy with something that takes its time. */
const STANDSTILL_MS = 3_000;

/** A target that is this close behind has caught up. */
const CAUGHT_UP_SECONDS = 2;

/** A lag that grew for this long without a break is worth a warning. */
const GROWING_SECONDS = 300;

/** Of what the slot may keep, this share left is worth a warning. */
const SAFE_WAL_SHARE = 0.25;

/**
 * Looks at the source beside the stream: how far behind the target is, what the slot keeps, whether
 * the schema is still what was planned. Runs on a session of its own, so that nothing waits for it.
 */
export class SourceWatch {
  readonly #session: PgSession;
  readonly #book: TableBook;
  readonly #options: SourceWatchOptions;
  readonly #lag = new LagWatch();
  readonly #unplanned: UnplannedTables;
  readonly #stop = new AbortController();
  readonly #polling: Promise<void>;
  #expected: SchemaFingerprint | undefined;
  #slot: SlotState | undefined;
  #failure: unknown;
  #reportedAt = 0;
  #position: StreamPosition | undefined;
  #stage: StreamStage | undefined;
  #smallestLag = { seconds: 0, at: Date.now() };

  constructor(session: PgSession, book: TableBook, options: SourceWatchOptions) {
    this.#session = session;
    this.#book = book;
    this.#options = options;
    this.#unplanned = new UnplannedTables(options.filter);
    this.#polling = this.#poll().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#failure = error;
    });
  }

  /** What the schema has to stay; until it is given nothing is compared. */
  expectSchema(expected: SchemaFingerprint): void {
    this.#expected = expected;
  }

  get knowsSchema(): boolean {
    return this.#expected !== undefined;
  }

  /** Changes of a relation that is not in the plan came and were dropped. */
  noteUnplanned(schema: string, table: string): void {
    this.#unplanned.note(schema, table);
  }

  /**
   * Tells how it stands, at most once a second and at each change of the stage.
   *
   * @throws what the looks at the source found: schemaChanged, slotLost, connectionFailed.
   */
  report(position: StreamPosition): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#position = position;
    this.#tell(position, Date.now());
  }

  /**
   * The apply may stand for long, behind a lock or in a large transaction, and says nothing then: the
   * target is where it was, and ever further behind.
   */
  #tellStandstill(now: number): void {
    const position = this.#position;
    if (position === undefined || position.isDrained) return;
    if (now - this.#reportedAt >= STANDSTILL_MS) this.#tell(position, now);
  }

  #tell(position: StreamPosition, now: number): void {
    const lag = this.#lag.lag(position.appliedLsn, now);
    const stage = this.#stageOf(position, lag.seconds);
    if (stage === this.#stage && now - this.#reportedAt < REPORT_EVERY_MS) return;
    this.#stage = stage;
    this.#reportedAt = now;
    this.#options.onReport({ stage, status: this.#status(position, lag, now) });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#polling;
  }

  #stageOf(position: StreamPosition, seconds: number): StreamStage {
    if (position.isDrained) return 'drained';
    const { pending, copying } = this.#book.count();
    const { appliedLsn, readBackUntil } = position;
    const isConsistent =
      this.#book.isPlanned &&
      pending + copying === 0 &&
      appliedLsn >= this.#book.copiedUpTo &&
      (readBackUntil === undefined || appliedLsn >= readBackUntil);
    if (!isConsistent) return 'copying';
    return seconds < CAUGHT_UP_SECONDS ? 'caughtUp' : 'consistent';
  }

  async #poll(): Promise<void> {
    const { signal } = this.#stop;
    let [slotAt, schemaAt] = [0, Date.now()];
    while (!signal.aborted) {
      const now = Date.now();
      await this.#lag.sample(this.#session);
      this.#tellStandstill(now);
      await this.#unplanned.check(this.#session);
      if (now - slotAt >= SLOT_EVERY_MS) {
        slotAt = now;
        this.#slot = await readSlot(this.#session, this.#options.slot);
      }
      if (now - schemaAt >= SCHEMA_EVERY_MS && this.#expected !== undefined) {
        schemaAt = now;
        await this.#compareSchema(this.#expected);
      }
      await delay(SAMPLE_EVERY_MS, undefined, { signal });
    }
  }

  async #compareSchema(expected: SchemaFingerprint): Promise<void> {
    const present = await readSchemaFingerprint(this.#session, this.#options.filter);
    const differences = compareFingerprints(expected, present);
    for (const { kind, table } of differences) {
      if (kind === 'created') this.#unplanned.add(table);
    }
    requireSameSchema(differences);
  }

  #status(
    { appliedLsn, receivedLsn }: StreamPosition,
    lag: { seconds: number; bytes: number },
    now: number,
  ): StreamStatus {
    const { slot, consistentPoint, counters } = this.#options;
    const { pending, copying, ready } = this.#book.count();
    return {
      slot,
      consistentPoint: formatLsn(consistentPoint),
      receivedLsn: formatLsn(receivedLsn),
      appliedLsn: formatLsn(appliedLsn),
      latencySeconds: Math.round(lag.seconds * 10) / 10,
      lagBytes: lag.bytes,
      retainedBytes: Number(this.#slot?.retainedBytes ?? 0n),
      ...(this.#slot?.walStatus === undefined ? {} : { walStatus: this.#slot.walStatus }),
      ...(this.#slot?.safeWalSize === undefined
        ? {}
        : { safeWalSize: Number(this.#slot.safeWalSize) }),
      transactions: counters.transactions,
      incomingChanges: counters.incoming,
      appliedChanges: counters.applied,
      inserts: counters.inserts,
      updates: counters.updates,
      deletes: counters.deletes,
      truncates: counters.truncates,
      tablesPending: pending,
      tablesCopying: copying,
      tablesReady: ready,
      unplannedTables: this.#unplanned.names,
      warnings: this.#warnings(lag.seconds, now),
      updatedOn: new Date(now).toISOString(),
    };
  }

  #warnings(lagSeconds: number, now: number): string[] {
    const warnings: string[] = [];
    const { walStatus } = this.#slot ?? {};
    const retainedBytes = Number(this.#slot?.retainedBytes ?? 0n);
    const limit = this.#slot?.safeWalSize;
    const safeWalSize = limit === undefined ? undefined : Number(limit);
    if (walStatus === 'unreserved' || walStatus === 'lost') {
      warnings.push(
        `The slot ${this.#options.slot} is ${walStatus}: raise max_slot_wal_keep_size on the source.`,
      );
    } else if (
      safeWalSize !== undefined &&
      safeWalSize < SAFE_WAL_SHARE * (safeWalSize + retainedBytes)
    ) {
      warnings.push(
        `The slot ${this.#options.slot} keeps ${retainedBytes} bytes of WAL and may keep only ` +
          `${safeWalSize} more: raise max_slot_wal_keep_size on the source.`,
      );
    }
    if (lagSeconds <= this.#smallestLag.seconds || lagSeconds < CAUGHT_UP_SECONDS) {
      this.#smallestLag = { seconds: lagSeconds, at: now };
    } else if (now - this.#smallestLag.at > GROWING_SECONDS * 1000) {
      warnings.push(
        `The target has been falling behind for ${Math.round((now - this.#smallestLag.at) / 1000)} ` +
          'seconds: the source writes faster than the target applies.',
      );
    }
    const unplanned = this.#unplanned.names;
    if (unplanned.length > 0) {
      warnings.push(
        `Tables of the source that are not in the plan are not carried: ${unplanned.join(', ')}.`,
      );
    }
    return warnings;
  }
}

/** @throws MigrationError schemaChanged for what is more than a new table. */
function requireSameSchema(differences: ReturnType<typeof compareFingerprints>): void {
  const broken = differences.filter(({ kind }) => kind !== 'created');
  if (broken.length === 0) return;
  const sentences = broken.slice(0, 10).map(({ sentence }) => sentence);
  const more = broken.length > 10 ? ` And ${broken.length - 10} more.` : '';
  throw new MigrationError(
    'schemaChanged',
    `The schema of the source changed during the migration. ${sentences.join(' ')}${more} Undo the ` +
      'change, or make the same one on the target, then resume.',
  );
}
