import { isTransient, kindOf } from '../../errors/classify.ts';
import { codeOf, messageOf } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import { inTransaction } from '../transaction.ts';
import { describeEntry } from './archive.ts';
import type { ArchiveEntry } from './archive.ts';
import type { NotCarriedList, SchemaFailure } from './notCarried.ts';
import { schemaFailed, throwIfNotTheObjects } from './slices.ts';
import { splitStatements } from './sqlLexer.ts';

export interface ForeignKeyRun {
  entries: readonly ArchiveEntry[];
  jobs: number;
  report: NotCarriedList;
  /**
   * Statement that makes others' writes stand still until the transaction's end. When it is given,
   * rows are written meanwhile: keys are made NOT VALID under it, and validated without it.
   */
  parkSql?: string;
  signal?: AbortSignal;
}

/**
 * Creates foreign keys over several sessions. Keys that share a table never run at once, because
 * each takes locks on both of its tables. Idempotent: a key that is there is left out, and one that
 * another run makes at this moment is found by its error.
 *
 * A key that the copied rows violate is violated on the source too (triggers were disabled there,
 * or it is corrupt): it is created NOT VALID and reported.
 *
 * @throws MigrationError schemaFailed naming every key that could not be created.
 */
export async function createForeignKeys(
  open: () => Promise<PgSession>,
  run: ForeignKeyRun,
): Promise<void> {
  if (run.entries.length === 0) return;
  const sessions = [await open()];
  try {
    const first = sessions[0];
    if (first === undefined) return;
    const present = await presentForeignKeys(first);
    const waiting = run.entries.filter((entry) => !present.has(keyOf(entry)));
    const wanted = Math.min(Math.max(run.jobs, 1), Math.ceil(waiting.length / 4));
    while (sessions.length < wanted) sessions.push(await open());
    await drain(sessions, waiting, run);
  } finally {
    await Promise.all(sessions.map((session) => session.close()));
  }
}

/** Drops every foreign key of the database that is not an extension's. */
export async function dropForeignKeys(session: PgSession): Promise<void> {
  const { rows } = await session.query<{ table: string; name: string }>(
    `select pg_catalog.format('%I.%I', n.nspname, t.relname) as table,
       pg_catalog.quote_ident(k.conname) as name
     from pg_catalog.pg_constraint k
       join pg_catalog.pg_class t on t.oid = k.conrelid
       join pg_catalog.pg_namespace n on n.oid = t.relnamespace
     where k.contype = 'f' and k.conparentid = 0 and not exists (
       select from pg_catalog.pg_depend d
       where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = t.oid and d.deptype = 'e')`,
  );
  for (const { table, name } of rows) {
    await session.query(`alter table ${table} drop constraint if exists ${name}`);
  }
}

function keyOf(entry: ArchiveEntry): string {
  return `${entry.schema}\n${entry.name}`;
}

/** Named as the archive's tags are: table and constraint. */
async function presentForeignKeys(session: PgSession): Promise<Set<string>> {
  const { rows } = await session.query<{ schema: string; tag: string }>(
    `select n.nspname as schema, t.relname || ' ' || k.conname as tag
     from pg_catalog.pg_constraint k
       join pg_catalog.pg_class t on t.oid = k.conrelid
       join pg_catalog.pg_namespace n on n.oid = t.relnamespace
     where k.contype = 'f'`,
  );
  return new Set(rows.map((row) => `${row.schema}\n${row.tag}`));
}

async function drain(
  sessions: readonly PgSession[],
  waiting: ArchiveEntry[],
  run: ForeignKeyRun,
): Promise<void> {
  const busy = new Set<number>();
  const failures: SchemaFailure[] = [];
  let wake: (() => void)[] = [];
  let broken: unknown;
  const work = async (session: PgSession) => {
    while (waiting.length > 0 && broken === undefined) {
      run.signal?.throwIfAborted();
      const at = waiting.findIndex((entry) => !entry.dependencies.some((id) => busy.has(id)));
      const entry = waiting[at];
      if (entry === undefined) {
        await new Promise<void>((resolve) => wake.push(resolve));
        continue;
      }
      waiting.splice(at, 1);
      for (const id of entry.dependencies) busy.add(id);
      try {
        const failure = await createForeignKey(session, entry, run);
        if (failure) failures.push(failure);
      } catch (error) {
        broken = error;
      } finally {
        for (const id of entry.dependencies) busy.delete(id);
        for (const resolve of wake) resolve();
        wake = [];
      }
    }
  };
  await Promise.all(sessions.map(work));
  if (broken !== undefined) throw broken;
  if (failures.length > 0) throw schemaFailed(failures);
}

async function createForeignKey(
  session: PgSession,
  entry: ArchiveEntry,
  run: ForeignKeyRun,
): Promise<SchemaFailure | undefined> {
  try {
    const { parkSql } = run;
    await withDeadlockRetry(() =>
      parkSql === undefined ? session.query(entry.sql) : createParked(session, entry, parkSql),
    );
    return undefined;
  } catch (error) {
    throwIfNotTheObjects(error);
    const code = codeOf(error);
    // duplicate_object: another run was faster.
    if (code === '42710') return undefined;
    if (code === '23503') return createNotValid(session, entry, run, error);
    return { object: describeEntry(entry), message: messageOf(error), code, kind: kindOf(error) };
  }
}

/** Before 18, a key of a partitioned table cannot be NOT VALID: it is checked while all stands still. */
async function createParked(
  session: PgSession,
  entry: ArchiveEntry,
  parkSql: string,
): Promise<void> {
  const [statement = '', ...rest] = splitStatements(entry.sql);
  const create = (sql: string) =>
    inTransaction(session, async () => {
      await session.query(parkSql);
      await session.query([sql, ...rest].join(';\n'));
    });
  if (/\bnot\s+valid\s*$/i.test(statement)) {
    await create(statement);
    return;
  }
  try {
    await create(`${statement} not valid`);
  } catch (error) {
    const isUnsupported = codeOf(error) === '42809' || codeOf(error) === '0A000';
    if (isUnsupported) await create(statement);
    // duplicate_object: an earlier run made it, and may have ended before it was valid.
    else if (codeOf(error) !== '42710') throw error;
  }
  await validate(session, entry);
}

async function validate(session: PgSession, entry: ArchiveEntry): Promise<void> {
  const { rows } = await session.query<{ table: string; name: string }>(
    `select pg_catalog.format('%I.%I', n.nspname, t.relname) as table,
       pg_catalog.quote_ident(k.conname) as name
     from pg_catalog.pg_constraint k
       join pg_catalog.pg_class t on t.oid = k.conrelid
       join pg_catalog.pg_namespace n on n.oid = t.relnamespace
     where k.contype = 'f' and not k.convalidated and n.nspname = $1
       and t.relname || ' ' || k.conname = $2`,
    [entry.schema, entry.name],
  );
  for (const { table, name } of rows) {
    await session.query(`alter table ${table} validate constraint ${name}`);
  }
}

async function createNotValid(
  session: PgSession,
  entry: ArchiveEntry,
  run: ForeignKeyRun,
  violation: unknown,
): Promise<SchemaFailure | undefined> {
  const [statement = '', ...rest] = splitStatements(entry.sql);
  try {
    // Made while others wrote, it is there, and its validation has failed.
    if (run.parkSql === undefined) {
      await inTransaction(session, async () => {
        await session.query([`${statement} not valid`, ...rest].join(';\n'));
      });
    }
    run.report.add(
      'foreignKey',
      describeEntry(entry),
      'Rows of the source violate it, so it was created NOT VALID. Correct the rows, then run ' +
        'ALTER TABLE … VALIDATE CONSTRAINT.',
    );
  } catch (error) {
    throwIfNotTheObjects(error);
    if (codeOf(error) === '42710') return undefined;
    // Before 18 a partitioned table cannot have a key that is not valid.
    run.report.add(
      'foreignKey',
      describeEntry(entry),
      `Rows of the source violate it and the target cannot have it NOT VALID (${messageOf(error)}), ` +
        `so it was left out: ${messageOf(violation)}. Correct the rows, then create it.`,
    );
  }
  return undefined;
}

const DEADLOCK_ATTEMPTS = 5;

/** Keys on partitioned tables lock leaves that their entries do not name. */
async function withDeadlockRetry(work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await work();
      return;
    } catch (error) {
      const isDeadlock = codeOf(error) === '40P01' && isTransient(kindOf(error));
      if (!isDeadlock || attempt === DEADLOCK_ATTEMPTS) throw error;
    }
  }
}
