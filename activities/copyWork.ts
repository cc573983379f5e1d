import { claimNext, copyEnd } from '../shared/contracts/copyWork.ts';
import type { Claim, CopyWork } from '../shared/contracts/copyWork.ts';
import type { MigrationRecord, MigrationRef } from '../shared/contracts/records.ts';
import { isDatabaseEnded } from '../shared/contracts/status.ts';
import { MigrationError } from '../shared/errors/migrationError.ts';
import { announceChange, changeOrTime, workOf } from '../shared/state/changeNotice.ts';
import type { Stores } from '../shared/state/stores.ts';
import { isCancelWanted } from './steps/cancelWatch.ts';
import { noteCurve } from './steps/copyCurve.ts';
import { defineActivity } from './steps/defineActivity.ts';
import { failedTablesNews } from './steps/failedTables.ts';

/** An idle lane looks this often for work that the others gave rise to, */
const LOOK_EVERY_MS = 500;
/** and asks again after this long, so that no activity stands for ever. */
const WAIT_MS = 20_000;

const REPORT_EVERY_MS = 1_000;

/**
 * Settles a lane's last unit and gives it the next. Idempotent: the lane counts its claims, and the
 * same claim gets the same answer. Runs when a cancel is wanted too: that is how the lanes end.
 */
defineActivity(
  'claimUnit',
  async (input, env): Promise<Claim> => {
    const { ref, database } = input;
    const deadline = Date.now() + WAIT_MS;
    let record: MigrationRecord | undefined = env.record;
    for (;;) {
      const claim = await claimOnce(env.stores, input, record);
      if (claim.next !== 'wait' || input.helps || Date.now() >= deadline) return claim;
      await changeOrTime(workOf(ref.id, database), LOOK_EVERY_MS);
      const row = await env.stores.databases.get(ref.id, database);
      if (row === undefined || isDatabaseEnded(row.state)) return { next: 'end' };
      record = await env.stores.migrations.get(ref);
    }
  },
  { evenWhenCanceled: true },
);

interface ClaimScope {
  ref: MigrationRef;
  database: string;
  owner: string;
  generation: number;
  lane: string;
  sequence: number;
  result?: Parameters<typeof claimNext>[1]['result'];
  helps?: true;
}

async function claimOnce(
  stores: Stores,
  scope: ClaimScope,
  record: MigrationRecord | undefined,
): Promise<Claim> {
  const { ref, database, owner, generation } = scope;
  const isCanceled = record === undefined || isCancelWanted(record, database);
  let claim: Claim = { next: 'end' };
  let isReportDue = false;
  const work = await stores.copyWork.update(ref.id, database, (current) => {
    isReportDue = false;
    claim = { next: 'end' };
    if (current.owner !== owner || current.generation !== generation) return undefined;
    const next = structuredClone(current);
    if (isCanceled) next.stop = { end: 'canceled' };
    const held = current.lanes[scope.lane]?.unit ?? null;
    claim = claimNext(next, scope);
    if (held === null && claim.next !== 'unit') return undefined;
    const now = Date.now();
    isReportDue = now - Date.parse(current.reportedOn) >= REPORT_EVERY_MS;
    if (isReportDue) next.reportedOn = new Date(now).toISOString();
    return next;
  });
  // What was settled may be what another lane of this process waits for.
  if (scope.result !== undefined) announceChange(workOf(ref.id, database));
  if (isReportDue) await reportCounters(stores, ref, work);
  return claim;
}

/** The numbers are absolute, so that writing them twice changes nothing; a failed table is told once. */
async function reportCounters(
  stores: Stores,
  ref: MigrationRef,
  work: CopyWork,
  isLast = false,
): Promise<void> {
  const { database, counters } = work;
  // Nobody waits for a point of a curve.
  void noteCurve(stores, work, isLast);
  const units = Object.values(work.lanes).map(({ unit }) => unit);
  const loadingTables = units.filter((unit) => unit?.kind === 'batch').length;
  const newsOf =
    counters.erroredTables === 0 ? undefined : await failedTablesNews(stores, ref, database);
  await stores.databases.update(ref.id, database, (row) => {
    const news = newsOf?.(row);
    return {
      record: {
        ...row,
        ...news?.row,
        queuedTables: Math.max(0, counters.queuedTables - loadingTables),
        loadingTables,
        completedTables: counters.completedTables,
        erroredTables: counters.erroredTables,
        rowsCopied: counters.rowsCopied,
        bytesCopied: counters.bytesCopied,
      },
      events: news?.events ?? [],
    };
  });
}

/** What the lanes left, when all of them have ended. Idempotent: reads, and writes the numbers. */
defineActivity(
  'endCopy',
  async ({ ref, database, generation }, env) => {
    const work = await env.stores.copyWork.get(ref.id, database);
    if (work === undefined || work.generation !== generation) {
      throw new MigrationError('internal', `${database}: the work of the copy is missing.`);
    }
    await reportCounters(env.stores, ref, work, true);
    return copyEnd(work);
  },
  { evenWhenCanceled: true },
);
