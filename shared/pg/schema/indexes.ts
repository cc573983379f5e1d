import { createHash } from 'node:crypto';
import pg from 'pg';
import { isTransient, kindOf, wrapError } from '../../errors/classify.ts';
import { codeOf, MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import { safeCause } from '../copy/failure.ts';
import { inTransaction } from '../transaction.ts';
import type { IndexWork, TableIndexWork } from './plan.ts';
import { runWithSearchPath } from './searchPath.ts';

export interface BuildOptions {
  /** As in postgresql.conf: '512MB'. The server's own when absent. */
  maintenanceWorkMem?: string;
  maxParallelMaintenanceWorkers?: number;
  /** Search path to try when an expression does not resolve under the empty one. */
  defaultSearchPath?: string;
  /** Runs first in every transaction that changes the table. */
  fence?: (session: PgSession) => Promise<void>;
}

/**
 * Builds one index, or the constraint that only its own statement can build. Idempotent: the index
 * is looked for under an advisory lock, so one that exists already, or that another run builds at
 * this moment, is success.
 */
export async function buildIndex(
  session: PgSession,
  work: IndexWork,
  options: BuildOptions = {},
): Promise<void> {
  const sql = work.createSql ?? work.constraint?.ownSql;
  if (sql === undefined) return;
  await guarded(session, work, `index ${describe(work)}`, options, async () => {
    const state = await indexState(session, work);
    if (state === 'valid') return;
    if (state === 'invalid') {
      await session.query(`drop index ${qualified(work.schema, work.name)}`);
    }
    await runBuild(session, sql, options);
  });
}

/**
 * Builds what is missing, then adds constraints and sets CLUSTER ON, REPLICA IDENTITY, statistics.
 * Idempotent like buildIndex.
 */
export async function finishTable(
  session: PgSession,
  work: TableIndexWork,
  options: BuildOptions = {},
): Promise<void> {
  for (const index of work.indexes) await buildIndex(session, index, options);
  if (work.indexes.every((index) => index.constraint === undefined && index.tail.length === 0)) {
    return;
  }
  for (const index of work.indexes) {
    if (index.constraint !== undefined) await addConstraint(session, index, options);
  }
  const tail = work.indexes.flatMap((index) => index.tail);
  if (tail.length === 0) return;
  await inTransaction(session, async () => {
    await options.fence?.(session);
    await session.query(tail.join(';\n'));
  }).catch((error: unknown) => {
    throw wrapError(error, `The indexes of table ${work.schema}.${work.table} were not finished`);
  });
}

async function addConstraint(
  session: PgSession,
  work: IndexWork,
  options: BuildOptions,
): Promise<void> {
  const { constraint } = work;
  if (constraint === undefined) return;
  const what = `constraint ${constraint.name} of ${work.schema}.${work.table}`;
  await guarded(session, work, what, options, async () => {
    if (await hasConstraint(session, work, constraint.name)) return;
    if (constraint.usingIndexSql !== undefined) {
      const usedIndex = await tryUsingIndex(session, constraint.usingIndexSql);
      if (usedIndex) return;
      // The server does not take this index for a constraint: the dump's own way builds it again.
      await session.query(`drop index if exists ${qualified(work.schema, work.name)}`);
    }
    await runBuild(session, constraint.ownSql, options);
  });
}

/** wrong_object_type, feature_not_supported, object_not_in_prerequisite_state, syntax_error. */
const CANNOT_USE_INDEX = new Set(['42809', '0A000', '55000', '42601', '42P17', '42P16']);

async function tryUsingIndex(session: PgSession, sql: string): Promise<boolean> {
  await session.query('savepoint pgmove_using_index');
  try {
    await session.query(sql);
    return true;
  } catch (error) {
    if (!CANNOT_USE_INDEX.has(codeOf(error) ?? '')) throw error;
    await session.query('rollback to savepoint pgmove_using_index');
    return false;
  }
}

async function runBuild(session: PgSession, sql: string, options: BuildOptions): Promise<void> {
  await session.query('savepoint pgmove_build');
  await runWithSearchPath(session, sql, options.defaultSearchPath ?? '', 'pgmove_build');
}

/** A transaction under the index's advisory lock, with the settings of a build. */
async function guarded(
  session: PgSession,
  work: IndexWork,
  what: string,
  options: BuildOptions,
  build: () => Promise<void>,
): Promise<void> {
  try {
    await inTransaction(session, async () => {
      await session.query('select pg_catalog.pg_advisory_xact_lock($1)', [lockKey(work)]);
      await options.fence?.(session);
      const settings = buildSettings(session, options);
      if (settings !== '') await session.query(settings);
      await build();
    });
  } catch (error) {
    if (error instanceof MigrationError) throw error;
    const kind = kindOf(error);
    if (isTransient(kind) || kind === 'resourceExhausted' || kind === 'canceled') {
      throw wrapError(error, `The ${what} was not built`);
    }
    throw new MigrationError(
      kind === 'dataFailed' || kind === 'permissionDenied' ? kind : 'schemaFailed',
      `The ${what} could not be built: ${safeCause(error)}`,
      { cause: error },
    );
  }
}

function buildSettings(session: PgSession, options: BuildOptions): string {
  const settings: string[] = [];
  if (options.maintenanceWorkMem !== undefined) {
    settings.push(
      `set local maintenance_work_mem = ${pg.escapeLiteral(options.maintenanceWorkMem)}`,
    );
  }
  if (options.maxParallelMaintenanceWorkers !== undefined && session.serverVersion >= 110000) {
    settings.push(
      `set local max_parallel_maintenance_workers = ${Math.trunc(options.maxParallelMaintenanceWorkers)}`,
    );
  }
  return settings.join('; ');
}

async function indexState(
  session: PgSession,
  work: IndexWork,
): Promise<'absent' | 'valid' | 'invalid'> {
  const { rows } = await session.query<{ isOurs: boolean; isValid: boolean }>(
    `select i.indisvalid and i.indisready as "isValid",
       t.relname = $3 and t.relnamespace = c.relnamespace as "isOurs"
     from pg_catalog.pg_class c
       join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       join pg_catalog.pg_index i on i.indexrelid = c.oid
       join pg_catalog.pg_class t on t.oid = i.indrelid
     where n.nspname = $1 and c.relname = $2`,
    [work.schema, work.name, work.table],
  );
  const row = rows[0];
  if (row === undefined) return 'absent';
  if (!row.isOurs) {
    throw new MigrationError(
      'targetOccupied',
      `The index ${describe(work)} is on another table of the target already. Drop it there.`,
    );
  }
  return row.isValid ? 'valid' : 'invalid';
}

async function hasConstraint(session: PgSession, work: IndexWork, name: string): Promise<boolean> {
  const { rowCount } = await session.query(
    `select from pg_catalog.pg_constraint k
       join pg_catalog.pg_class t on t.oid = k.conrelid
       join pg_catalog.pg_namespace n on n.oid = t.relnamespace
     where n.nspname = $1 and t.relname = $2 and k.conname = $3`,
    [work.schema, work.table, name],
  );
  return (rowCount ?? 0) > 0;
}

/** The same number for the same index, whoever asks; the session's own key space is 64 bits. */
function lockKey(work: IndexWork): string {
  const text = `pgmove index\n${work.schema}\n${work.name}`;
  return createHash('sha256').update(text).digest().readBigInt64BE(0).toString();
}

function qualified(schema: string, name: string): string {
  return `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`;
}

function describe(work: IndexWork): string {
  return `${work.schema}.${work.name} on ${work.schema}.${work.table}`;
}
