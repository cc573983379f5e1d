import { isTransient } from '../errors/classify.ts';
import type { MigrationErrorKind } from '../errors/migrationError.ts';
import type { BatchOutcome, CopyCounters } from './activities.ts';

/*
 * The work of one database's copy, as a plain value in the store. Lanes (as many as the database has
 * jobs) claim one unit after another; what one came to is settled with the next claim. Everything
 * here is a pure function over that value, run under the row's ETag.
 */

/** A piece of work, given to one lane at a time. */
export type CopyUnit =
  // A batch of tables, or a part of a large one.
  | { kind: 'batch'; batch: number; attempt: number }
  // One index of the table of a batch, once its rows are in.
  | { kind: 'index'; batch: number; index: number; attempt: number }
  // Constraints over the indexes, once those are there.
  | { kind: 'finish'; batch: number; attempt: number }
  | { kind: 'largeObjects'; attempt: number };

/** What a unit came to. */
export type UnitResult =
  { ok: true; batch?: BatchOutcome } | { ok: false; kind: MigrationErrorKind; message: string };

/** Why no further unit is given out. */
export type CopyStop = { end: 'snapshotLost'; message: string } | { end: 'canceled' };

/** A row of CopyWork. */
export interface CopyWork {
  migrationId: string;
  database: string;
  /** The orchestration instance whose lanes may claim: a run that was replaced gets nothing. */
  owner: string;
  generation: number;
  snapshot: string;
  batchCount: number;
  nextBatch: number;
  /** Work that earlier work gave rise to; it goes first. */
  followUps: CopyUnit[];
  /**
   * What each lane has in hand, and the number of its last claim; of a large table or a part also the
   * bytes so far, noted now and then for the curves.
   */
  lanes: Record<string, { sequence: number; unit: CopyUnit | null; bytes?: number }>;
  /** Parts of a table that are in, by table: their batches, and the snapshot's generation. */
  partsDone: Record<string, { generation: number; batches: number[] }>;
  /** Index builds that are still open, by batch. */
  indexesOpen: Record<string, number>;
  /** Milliseconds that the index builds of a table took together, by table. */
  indexMs?: Record<string, number>;
  /** Tables and batches of which something failed: their follow-ups are not begun. */
  broken: Record<string, true>;
  counters: CopyCounters;
  /** Sentences about what failed besides rows of tables; the first few. */
  failures: string[];
  stop?: CopyStop;
  /** When the database's row last got the counters; ISO 8601. */
  reportedOn: string;
}

/** One lane's question: what came of its last unit, and what is next. */
export interface ClaimRequest {
  lane: string;
  /** Counts the lane's claims from 1: a claim that is repeated gets the same answer. */
  sequence: number;
  result?: UnitResult;
  /** The lane is another database's, and leaves when there is no unit for it. */
  helps?: true;
}

export type Claim =
  | { next: 'unit'; unit: CopyUnit }
  // Nothing to do now, but what others are doing may give rise to more.
  | { next: 'wait' }
  | { next: 'end' };

/** Waits before the attempts after the first, in milliseconds. */
const RETRY_DELAYS_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 30_000];

const MOST_FAILURE_SENTENCES = 20;

/** The wait before the attempt after this one, or undefined when there is none. */
export function retryDelayMs(kind: MigrationErrorKind, attempt: number): number | undefined {
  return isTransient(kind) ? RETRY_DELAYS_MS[attempt] : undefined;
}

/** How long an attempt waits before it starts. */
export function delayOfAttempt(attempt: number): number {
  return RETRY_DELAYS_MS[attempt - 1] ?? 0;
}

/** Settles the lane's last unit and gives it the next; changes `work` in place. */
export function claimNext(work: CopyWork, request: ClaimRequest): Claim {
  const lane = (work.lanes[request.lane] ??= { sequence: 0, unit: null });
  if (lane.sequence === request.sequence && lane.unit !== null) {
    return { next: 'unit', unit: lane.unit };
  }
  if (lane.sequence < request.sequence && lane.unit !== null) {
    if (request.result) settle(work, lane.unit, request.result);
    lane.unit = null;
    delete lane.bytes;
  }
  const unit = work.stop === undefined ? takeUnit(work) : undefined;
  if (unit !== undefined) {
    lane.sequence = request.sequence;
    lane.unit = unit;
    return { next: 'unit', unit };
  }
  if (request.helps) delete work.lanes[request.lane];
  return work.stop !== undefined || isIdle(work) ? { next: 'end' } : { next: 'wait' };
}

/** Notes how far a batch is, in place; false when no lane has it in hand any more. */
export function noteBytes(work: CopyWork, batch: number, bytes: number): boolean {
  const lane = Object.values(work.lanes).find(
    ({ unit }) => unit?.kind === 'batch' && unit.batch === batch,
  );
  if (lane === undefined) return false;
  lane.bytes = bytes;
  return true;
}

/** What is in, and what is noted of what is on its way. */
export function bytesSoFar({ counters, lanes }: CopyWork): number {
  return Object.values(lanes).reduce((sum, { bytes = 0 }) => sum + bytes, counters.bytesCopied);
}

/** Units that can be given out now. */
export function unitsLeft(work: CopyWork): number {
  if (work.stop !== undefined) return 0;
  return work.followUps.length + (work.batchCount - work.nextBatch);
}

/** No lane has anything in hand. */
export function isIdle(work: CopyWork): boolean {
  return Object.values(work.lanes).every(({ unit }) => unit === null);
}

function takeUnit(work: CopyWork): CopyUnit | undefined {
  const followUp = work.followUps.shift();
  if (followUp !== undefined) return followUp;
  if (work.nextBatch >= work.batchCount) return undefined;
  const batch = work.nextBatch;
  work.nextBatch += 1;
  return { kind: 'batch', batch, attempt: 0 };
}

function settle(work: CopyWork, unit: CopyUnit, result: UnitResult): void {
  if (!result.ok) {
    settleFailure(work, unit, result.kind, result.message);
    return;
  }
  switch (unit.kind) {
    case 'batch':
      if (result.batch) settleBatch(work, unit.batch, result.batch);
      return;
    case 'index':
      settleIndex(work, unit.batch);
      return;
    case 'finish':
      work.counters.completedTables += 1;
      work.counters.queuedTables -= 1;
      return;
    case 'largeObjects':
      return;
  }
}

function settleIndex(work: CopyWork, batch: number): void {
  const key = String(batch);
  const open = (work.indexesOpen[key] ?? 1) - 1;
  work.indexesOpen[key] = open;
  if (open > 0) return;
  delete work.indexesOpen[key];
  if (work.broken[key] === undefined) work.followUps.unshift({ kind: 'finish', batch, attempt: 0 });
}

function settleBatch(work: CopyWork, batch: number, outcome: BatchOutcome): void {
  const { counters } = work;
  counters.rowsCopied += outcome.rows;
  counters.bytesCopied += outcome.bytes;
  if (outcome.part !== undefined) {
    settlePart(work, batch, outcome, outcome.part);
    return;
  }
  counters.erroredTables += outcome.tablesFailed;
  counters.queuedTables -= outcome.tablesFailed;
  if (outcome.indexCount > 0 && outcome.tablesFailed === 0) {
    openIndexes(work, batch, outcome.indexCount);
    return;
  }
  counters.completedTables += outcome.tablesDone;
  counters.queuedTables -= outcome.tablesDone;
}

function settlePart(
  work: CopyWork,
  batch: number,
  outcome: BatchOutcome,
  { tableId, partCount, generation = 0 }: NonNullable<BatchOutcome['part']>,
): void {
  const key = `table ${tableId}`;
  if (outcome.tablesFailed > 0) {
    // Several parts of a table may fail: it is one table.
    if (work.broken[key] === undefined) {
      work.counters.erroredTables += 1;
      work.counters.queuedTables -= 1;
    }
    work.broken[key] = true;
    return;
  }
  const done = (work.partsDone[tableId] ??= { generation, batches: [] });
  if (generation < done.generation) {
    // The table began again under another snapshot, and this part is of the one before.
    work.followUps.push({ kind: 'batch', batch, attempt: 0 });
    return;
  }
  if (generation > done.generation) {
    const void_ = done.batches.map((old): CopyUnit => ({ kind: 'batch', batch: old, attempt: 0 }));
    work.followUps.push(...void_);
    work.partsDone[tableId] = { generation, batches: [batch] };
  } else if (!done.batches.includes(batch)) {
    done.batches.push(batch);
  }
  const count = work.partsDone[tableId]?.batches.length ?? 0;
  if (count < partCount || work.broken[key] !== undefined) return;
  delete work.partsDone[tableId];
  openIndexes(work, batch, outcome.indexCount);
}

/** The rows of a large table are in: its indexes become units of their own, before new tables. */
function openIndexes(work: CopyWork, batch: number, indexCount: number): void {
  if (indexCount === 0) {
    work.followUps.unshift({ kind: 'finish', batch, attempt: 0 });
    return;
  }
  work.indexesOpen[String(batch)] = indexCount;
  const units = Array.from({ length: indexCount }, (_, index): CopyUnit => {
    return { kind: 'index', batch, index, attempt: 0 };
  });
  work.followUps.unshift(...units);
}

function settleFailure(
  work: CopyWork,
  unit: CopyUnit,
  kind: MigrationErrorKind,
  message: string,
): void {
  if (kind === 'snapshotLost') {
    work.stop ??= { end: 'snapshotLost', message };
    return;
  }
  if (kind === 'canceled') {
    work.stop = { end: 'canceled' };
    return;
  }
  if (retryDelayMs(kind, unit.attempt) !== undefined) {
    work.followUps.push({ ...unit, attempt: unit.attempt + 1 });
    return;
  }
  if (work.failures.length < MOST_FAILURE_SENTENCES) work.failures.push(message);
  if (unit.kind === 'largeObjects') return;
  const key = String(unit.batch);
  if (work.broken[key] !== undefined) return;
  work.broken[key] = true;
  if (unit.kind === 'batch') return;
  work.counters.erroredTables += 1;
  work.counters.queuedTables -= 1;
}

/** What the lanes left when all of them have ended. */
export type CopyEnd =
  | { end: 'copied' }
  | { end: 'failed'; message: string }
  | { end: 'snapshotLost'; message: string }
  | { end: 'canceled' };

export function copyEnd(work: CopyWork): CopyEnd {
  if (work.stop !== undefined) return work.stop;
  const { counters, failures } = work;
  if (counters.erroredTables === 0 && failures.length === 0 && unitsLeft(work) === 0) {
    return { end: 'copied' };
  }
  return { end: 'failed', message: work.failures.join(' ') };
}
