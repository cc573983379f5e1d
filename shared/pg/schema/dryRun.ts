import { isTransient, kindOf, wrapError } from '../../errors/classify.ts';
import { messageOf } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import { describeEntry } from './archive.ts';
import type { ArchiveEntry } from './archive.ts';
import type { SchemaPlan } from './plan.ts';
import { tolerateEntry } from './preData.ts';
import { runWithSearchPath } from './searchPath.ts';
import { entrySql, sliceBegin, throwIfNotTheObjects } from './slices.ts';

/** An object that would not be restored. */
export interface DryRunFailure {
  object: string;
  /** PostgreSQL's message. */
  message: string;
  /** The migration would go on without it, and say so. */
  isTolerated: boolean;
}

export interface DryRun {
  failures: DryRunFailure[];
  /** Entries that are not there, for whatever reason. */
  failedIds: ReadonlySet<number>;
}

export interface DryRunOptions {
  signal?: AbortSignal;
}

const ENTRIES_PER_SLICE = 400;

const RELATIONS = new Set(['TABLE', 'VIEW', 'MATERIALIZED VIEW', 'FOREIGN TABLE']);

/**
 * Restores everything but owners, privileges and event triggers (dryRunAccess.ts) into an empty
 * database that is thrown away, and goes on behind what fails: every object is tried. What hangs on a failed one
 * fails because of it and is not named.
 */
export async function tryRestore(
  scratch: PgSession,
  plan: Pick<SchemaPlan, 'preData' | 'postData' | 'foreignKeys' | 'rowSecurity' | 'database'>,
  archive: readonly ArchiveEntry[],
  options: DryRunOptions = {},
): Promise<DryRun> {
  const { entries, leftOutIds } = entriesToTry(plan, archive);
  const failures: DryRunFailure[] = [];
  const failedIds = new Set(leftOutIds);
  for (let first = 0; first < entries.length; first += ENTRIES_PER_SLICE) {
    options.signal?.throwIfAborted();
    const slice = entries.slice(first, first + ENTRIES_PER_SLICE);
    const isWhole = !slice.some((entry) => hangsOn(entry, failedIds));
    if (isWhole && (await runWhole(scratch, slice))) continue;
    await runByEntry(scratch, slice, plan.database.defaultSearchPath, { failures, failedIds });
  }
  return { failures, failedIds };
}

/** The indexes of tables stand in the plan as work of their own: here the dump's entries serve. */
function entriesToTry(
  plan: Pick<SchemaPlan, 'preData' | 'postData' | 'foreignKeys' | 'rowSecurity'>,
  archive: readonly ArchiveEntry[],
): { entries: ArchiveEntry[]; leftOutIds: number[] } {
  const idsBefore = new Set(plan.preData.map(({ dumpId }) => dumpId));
  const planned = [...plan.postData, ...plan.foreignKeys, ...plan.rowSecurity];
  const idsAfter = new Set(planned.map(({ dumpId }) => dumpId));
  const after = archive.filter(
    ({ dumpId, type }) =>
      idsAfter.has(dumpId) ||
      (!idsBefore.has(dumpId) && (type === 'INDEX' || type === 'CONSTRAINT')),
  );
  const leftOutIds = archive
    .filter(({ dumpId, type }) => RELATIONS.has(type) && !idsBefore.has(dumpId))
    .map(({ dumpId }) => dumpId)
    .filter((dumpId) => !idsAfter.has(dumpId));
  return { entries: [...plan.preData, ...after], leftOutIds };
}

function hangsOn(entry: ArchiveEntry, ids: ReadonlySet<number>): boolean {
  return entry.dependencies.some((dumpId) => ids.has(dumpId));
}

async function runWhole(scratch: PgSession, slice: readonly ArchiveEntry[]): Promise<boolean> {
  try {
    await scratch.query(`${sliceBegin(scratch)}${slice.map(entrySql).join('\n')}\ncommit;`);
    return true;
  } catch (error) {
    await scratch.query('rollback').catch(() => undefined);
    throwIfNotTheObjects(error);
    return false;
  }
}

async function runByEntry(
  scratch: PgSession,
  slice: readonly ArchiveEntry[],
  defaultSearchPath: string,
  seen: { failures: DryRunFailure[]; failedIds: Set<number> },
): Promise<void> {
  await scratch.query(sliceBegin(scratch));
  for (const entry of slice) {
    if (hangsOn(entry, seen.failedIds)) {
      seen.failedIds.add(entry.dumpId);
      continue;
    }
    const error = await tryEntry(scratch, entry, defaultSearchPath);
    if (error === undefined) continue;
    const tolerated = tolerateEntry(entry, error);
    if (tolerated === 'silently') continue;
    seen.failedIds.add(entry.dumpId);
    seen.failures.push({
      object: describeEntry(entry),
      message: messageOf(error),
      isTolerated: tolerated !== undefined,
    });
  }
  await scratch.query('commit');
}

async function tryEntry(
  scratch: PgSession,
  entry: ArchiveEntry,
  defaultSearchPath: string,
): Promise<unknown> {
  await scratch.query('savepoint pgmove_entry');
  try {
    await runWithSearchPath(scratch, entrySql(entry), defaultSearchPath, 'pgmove_entry');
    await scratch.query('release savepoint pgmove_entry');
    return undefined;
  } catch (error) {
    if (isTransient(kindOf(error))) throw wrapError(error, 'The schema could not be tried');
    await scratch.query('rollback to savepoint pgmove_entry');
    await scratch.query('release savepoint pgmove_entry');
    return error;
  }
}
