import { isTransient, kindOf, wrapError } from '../../errors/classify.ts';
import { codeOf, messageOf, MigrationError } from '../../errors/migrationError.ts';
import type { MigrationErrorKind } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import { describeEntry } from './archive.ts';
import type { ArchiveEntry } from './archive.ts';
import type { NotCarried, NotCarriedList, SchemaFailure } from './notCarried.ts';
import { runWithSearchPath } from './searchPath.ts';

export interface SliceRun {
  /** Prefix of the steps in pgmove.steps. */
  stage: string;
  entries: readonly ArchiveEntry[];
  generation: number;
  defaultSearchPath: string;
  /** Failures that are a note in the result instead of an error; undefined when it is one. */
  tolerate(entry: ArchiveEntry, error: unknown): Tolerated | undefined;
  report: NotCarriedList;
  signal?: AbortSignal;
}

export type Tolerated = { subject: NotCarried['subject']; reason: string } | 'silently';

interface Slice {
  step: string;
  entries: ArchiveEntry[];
}

/** Well below what max_locks_per_transaction allows: a table takes about four locks. */
const ENTRIES_PER_SLICE = 400;
const CHARACTERS_PER_SLICE = 1_000_000;

/** How many entries after the first failure are tried, only to name what else would fail. */
const TRIED_AFTER_FAILURE = 3000;

/**
 * Runs entries in slices: one transaction and one round trip each, holding its own marker in
 * pgmove.steps. A run that is killed continues after the last committed slice; a second run at the
 * same time waits at the marker and goes on when the first has committed.
 *
 * @throws MigrationError schemaFailed naming every object that could not be created.
 */
export async function runInSlices(session: PgSession, run: SliceRun): Promise<void> {
  const slices = cutSlices(run);
  const done = await stepsDone(session, run);
  for (const [index, slice] of slices.entries()) {
    run.signal?.throwIfAborted();
    if (done.has(slice.step)) continue;
    await runSlice(session, run, slice, slices.slice(index + 1));
  }
  await makeDurable(session, `${run.stage}/durable`, run.generation);
}

function cutSlices(run: SliceRun): Slice[] {
  const slices: Slice[] = [];
  let characters = 0;
  for (const entry of run.entries) {
    const last = slices.at(-1);
    if (
      last === undefined ||
      last.entries.length >= ENTRIES_PER_SLICE ||
      characters + entry.sql.length > CHARACTERS_PER_SLICE
    ) {
      slices.push({ step: `${run.stage}/${slices.length}`, entries: [entry] });
      characters = entry.sql.length;
    } else {
      last.entries.push(entry);
      characters += entry.sql.length;
    }
  }
  return slices;
}

async function stepsDone(session: PgSession, run: SliceRun): Promise<Set<string>> {
  const { rows } = await session.query<{ step: string }>(
    `select step from pgmove.steps
     where generation = $1 and pg_catalog.left(step, pg_catalog.length($2)) = $2`,
    [run.generation, `${run.stage}/`],
  );
  return new Set(rows.map((row) => row.step));
}

/**
 * The slices commit without waiting for the disk. This commit waits, and takes them along; it has
 * to write a row, because a transaction that writes nothing is not flushed.
 */
export async function makeDurable(
  session: PgSession,
  step: string,
  generation: number,
): Promise<void> {
  await session.query(
    `begin; set local synchronous_commit = on;
     insert into pgmove.steps (step, generation) values ('${step}', ${generation})
       on conflict (step, generation) do update set done_at = excluded.done_at;
     commit;`,
  );
}

export function sliceBegin(session: PgSession): string {
  return (
    'begin; set local synchronous_commit = off; set local client_min_messages = error; ' +
    "set local default_tablespace = ''; " +
    (session.serverVersion >= 120000 ? 'set local default_table_access_method = heap; ' : '')
  );
}

function markerSql(run: SliceRun, slice: Slice): string {
  return `insert into pgmove.steps (step, generation) values ('${slice.step}', ${run.generation}); `;
}

export function entrySql(entry: ArchiveEntry): string {
  if (entry.accessMethod === '' || entry.accessMethod === 'heap') return entry.sql;
  const method = entry.accessMethod.replaceAll('"', '""');
  return (
    `set local default_table_access_method = "${method}";\n${entry.sql}\n` +
    'set local default_table_access_method = heap;\n'
  );
}

async function runSlice(
  session: PgSession,
  run: SliceRun,
  slice: Slice,
  following: readonly Slice[],
): Promise<void> {
  const body = slice.entries.map(entrySql).join('\n');
  try {
    // The marker comes first: a second run waits there, before it can collide with an object.
    await session.query(`${sliceBegin(session)}${markerSql(run, slice)}${body}\ncommit;`);
    return;
  } catch (error) {
    await session.query('rollback').catch(() => undefined);
    if (isDoneByOther(error)) return;
    throwIfNotTheObjects(error);
  }
  await runSliceByEntry(session, run, slice, following);
}

/** The insert of the marker met another run's committed one. */
export function isDoneByOther(error: unknown): boolean {
  const { schema, table } = error as { schema?: unknown; table?: unknown };
  return codeOf(error) === '23505' && schema === 'pgmove' && table === 'steps';
}

/** What a later attempt, or the operator, has to cure is no fault of the object. */
export function throwIfNotTheObjects(error: unknown): void {
  const kind: MigrationErrorKind = kindOf(error);
  if (isTransient(kind) || kind === 'resourceExhausted' || kind === 'canceled') {
    throw wrapError(error, 'The schema could not be restored');
  }
}

async function runSliceByEntry(
  session: PgSession,
  run: SliceRun,
  slice: Slice,
  following: readonly Slice[],
): Promise<void> {
  const failures: SchemaFailure[] = [];
  const failedIds = new Set<number>();
  try {
    await session.query(sliceBegin(session) + markerSql(run, slice));
    await runEntries(session, run, slice.entries, failures, failedIds);
    if (failures.length === 0) {
      await session.query('commit');
      return;
    }
    const rest = following.flatMap((next) => next.entries).slice(0, TRIED_AFTER_FAILURE);
    await runEntries(session, run, rest, failures, failedIds);
  } catch (error) {
    await session.query('rollback').catch(() => undefined);
    if (isDoneByOther(error)) return;
    throw error;
  }
  await session.query('rollback');
  throw schemaFailed(failures);
}

async function runEntries(
  session: PgSession,
  run: SliceRun,
  entries: readonly ArchiveEntry[],
  failures: SchemaFailure[],
  failedIds: Set<number>,
): Promise<void> {
  for (const entry of entries) {
    // What hangs on a failed object fails because of it: only the cause is named.
    if (entry.dependencies.some((dumpId) => failedIds.has(dumpId))) {
      failedIds.add(entry.dumpId);
      continue;
    }
    const error = await runEntry(session, run, entry);
    if (error === undefined) continue;
    failedIds.add(entry.dumpId);
    const tolerated = run.tolerate(entry, error);
    if (tolerated === 'silently') {
      failedIds.delete(entry.dumpId);
    } else if (tolerated) {
      run.report.add(tolerated.subject, describeEntry(entry), tolerated.reason);
    } else {
      failures.push({
        object: describeEntry(entry),
        message: messageOf(error),
        code: codeOf(error),
        kind: kindOf(error),
      });
    }
  }
}

/** Runs one entry under a savepoint; gives the error when it fails. */
async function runEntry(session: PgSession, run: SliceRun, entry: ArchiveEntry): Promise<unknown> {
  await session.query('savepoint pgmove_entry');
  try {
    const usedSearchPath = await runWithSearchPath(
      session,
      entrySql(entry),
      run.defaultSearchPath,
      'pgmove_entry',
    );
    if (usedSearchPath) run.report.add('searchPath', describeEntry(entry), SEARCH_PATH_REASON);
    await session.query('release savepoint pgmove_entry');
    return undefined;
  } catch (error) {
    throwIfNotTheObjects(error);
    await session.query('rollback to savepoint pgmove_entry');
    await session.query('release savepoint pgmove_entry');
    return error;
  }
}

export const SEARCH_PATH_REASON =
  'It uses names without their schema, so it was created under the search_path of the source ' +
  'database instead of the empty one. It fails in every session with another search_path.';

export function schemaFailed(failures: readonly SchemaFailure[]): MigrationError {
  const listed = failures.slice(0, 50).map(({ object, message }) => `${object}: ${message}`);
  const more = failures.length > 50 ? ` … and ${failures.length - 50} more` : '';
  const needsRights = failures.some((failure) => failure.code === '42501');
  return new MigrationError(
    'schemaFailed',
    `${failures.length} object(s) could not be created on the target. ${listed.join('; ')}${more}.` +
      (needsRights
        ? " The target's user lacks rights: create these objects on the target as a superuser, " +
          'give the user the rights, or leave them out.'
        : ''),
    failures[0]?.code === undefined ? {} : { code: failures[0].code },
  );
}
