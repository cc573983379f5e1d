import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { SourceChange } from '../../contracts/records.ts';
import { wrapError } from '../../errors/classify.ts';
import { codeOf, MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import { tableMatcher } from '../copy/tableFilter.ts';
import type { QualifiedName } from '../copy/tableFilter.ts';
import {
  COPIED_TABLES_SQL,
  EXTENSION_CONFIG_SQL,
  qualifiedSql,
  readPartitioning,
} from '../copy/tables.ts';
import type { TableFilter } from '../tablePattern.ts';
import { inTransaction } from '../transaction.ts';

export type IdentityChange = Extract<SourceChange, { kind: 'replicaIdentity' }>;

/** pg_class.relreplident: default, nothing, index, full. */
type ReplicaIdentity = IdentityChange['before'];

/** A table whose UPDATE and DELETE wal2json would leave out without a word to us. */
export interface IdentityProblem extends QualifiedName {
  identity: ReplicaIdentity;
  /** Name of the index, for `i` where it is still there. */
  index?: string;
  /** Why it has none, for people: "has no primary key". */
  reason: string;
}

export interface IdentityReport {
  /** Every table counts: whether somebody will update it cannot be known. */
  problems: IdentityProblem[];
  /** No change of an unlogged table is in the WAL, whatever its identity. */
  unlogged: QualifiedName[];
}

interface IdentityRow extends QualifiedName {
  oid: string;
  identity: ReplicaIdentity;
  persistence: 'p' | 'u';
  index: string | null;
  has_primary: boolean;
  is_valid: boolean | null;
  is_immediate: boolean | null;
}

/**
 * Looks at every ordinary table and leaf partition that is migrated. As the server decides it: the
 * identity index is the chosen one or the primary key's, and only if it is valid and not deferrable.
 */
export async function findIdentityProblems(
  session: PgSession,
  filter: TableFilter,
): Promise<IdentityReport> {
  const { rows } = await session.query<IdentityRow>(`
    select c.oid, n.nspname as schema, c.relname as name, c.relreplident::text as identity,
      c.relpersistence::text as persistence, x.index, x.is_valid, x.is_immediate,
      exists (select from pg_catalog.pg_index p where p.indrelid = c.oid and p.indisprimary)
        as has_primary
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join (${EXTENSION_CONFIG_SQL}) e on e.oid = c.oid
    left join lateral (
      select i.relname as index, k.indisvalid and k.indislive as is_valid,
        k.indimmediate as is_immediate
      from pg_catalog.pg_index k
      join pg_catalog.pg_class i on i.oid = k.indexrelid
      where k.indrelid = c.oid
        and case c.relreplident when 'd' then k.indisprimary when 'i' then k.indisreplident end
    ) x on true
    where ${COPIED_TABLES_SQL}
    order by 2, 3`);
  const matches = tableMatcher(filter);
  const ancestorsOf = await readPartitioning(session);
  const report: IdentityReport = { problems: [], unlogged: [] };
  for (const row of rows) {
    if (!matches(row, ancestorsOf(Number(row.oid)))) continue;
    const { schema, name } = row;
    const reason = missingIdentity(row);
    if (row.persistence === 'u') report.unlogged.push({ schema, name });
    else if (reason !== undefined) {
      const index = row.identity === 'i' && row.index !== null ? { index: row.index } : {};
      report.problems.push({ schema, name, identity: row.identity, ...index, reason });
    }
  }
  return report;
}

function missingIdentity(row: IdentityRow): string | undefined {
  if (row.identity === 'f') return undefined;
  if (row.identity === 'n') return 'has REPLICA IDENTITY NOTHING';
  const isPrimary = row.identity === 'd';
  const what = isPrimary ? 'primary key' : 'replica identity index';
  if (row.index === null) {
    if (isPrimary) return 'has no primary key';
    return 'lost the index of its replica identity';
  }
  // The server takes a deferrable key for no identity (wal2json issue 62).
  if (row.is_immediate !== true) return `has a deferrable ${what}`;
  return row.is_valid === true ? undefined : `has an invalid ${what}`;
}

/** What to store before setFull, to put it back with restoreIdentities. */
export function identityChanges(problems: readonly IdentityProblem[]): IdentityChange[] {
  return problems.map(({ schema, name, identity, index }) => ({
    kind: 'replicaIdentity',
    schema,
    table: name,
    before: identity,
    ...(index === undefined ? {} : { index }),
  }));
}

export interface IdentityOptions {
  signal?: AbortSignal;
  /** How long one table's lock is waited for, over all attempts, in milliseconds. */
  lockWaitMs?: number;
}

/**
 * Gives the tables REPLICA IDENTITY FULL. Needs their ownership. Idempotent.
 *
 * @throws MigrationError permissionDenied or lockTimeout with the table's name.
 */
export async function setFull(
  session: PgSession,
  tables: readonly QualifiedName[],
  options: IdentityOptions = {},
): Promise<void> {
  for (const table of tables) await alterIdentity(session, table, 'full', options);
}

/**
 * Puts back what was there before. A table that somebody has given another identity since, or
 * dropped, is left alone. Idempotent.
 *
 * @returns Sentences about what could not be put back.
 */
export async function restoreIdentities(
  session: PgSession,
  changes: readonly IdentityChange[],
  options: IdentityOptions = {},
): Promise<string[]> {
  const unrestored: string[] = [];
  for (const change of changes) {
    const table = { schema: change.schema, name: change.table };
    if ((await readIdentity(session, table)) !== 'f' || change.before === 'f') continue;
    if (change.before === 'i' && !(await hasIndex(session, change))) {
      unrestored.push(
        `Table ${table.schema}.${table.name} keeps REPLICA IDENTITY FULL: the index of its ` +
          'replica identity before the migration is not there any more.',
      );
      continue;
    }
    await alterIdentity(session, table, clauseOf(change), options);
  }
  return unrestored;
}

function clauseOf({ before, index }: IdentityChange): string {
  if (before === 'd') return 'default';
  if (before === 'n') return 'nothing';
  return `using index ${pg.escapeIdentifier(index ?? '')}`;
}

async function readIdentity(
  session: PgSession,
  table: QualifiedName,
): Promise<ReplicaIdentity | undefined> {
  const { rows } = await session.query<{ identity: ReplicaIdentity }>(
    `select c.relreplident::text as identity
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relname = $2 and c.relkind = 'r'`,
    [table.schema, table.name],
  );
  return rows[0]?.identity;
}

async function hasIndex(session: PgSession, change: IdentityChange): Promise<boolean> {
  const { rows } = await session.query(
    `select from pg_catalog.pg_index x
     join pg_catalog.pg_class i on i.oid = x.indexrelid
     join pg_catalog.pg_class c on c.oid = x.indrelid
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relname = $2 and i.relname = $3`,
    [change.schema, change.table, change.index ?? ''],
  );
  return rows.length > 0;
}

/** Below this the statement does not stand in the queue of a busy table, where others wait behind it. */
const LOCK_ATTEMPT_MS = 500;
const LOCK_PAUSE_MS = 500;
const LOCK_WAIT_MS = 60_000;

async function alterIdentity(
  session: PgSession,
  table: QualifiedName,
  clause: string,
  options: IdentityOptions,
): Promise<void> {
  const until = Date.now() + (options.lockWaitMs ?? LOCK_WAIT_MS);
  const name = `${table.schema}.${table.name}`;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      await inTransaction(session, async () => {
        await session.query(`set local lock_timeout = ${LOCK_ATTEMPT_MS}`);
        await session.query(`alter table only ${qualifiedSql(table)} replica identity ${clause}`);
      });
      return;
    } catch (error) {
      // Dropped in the meantime: there is nothing to set.
      if (codeOf(error) === '42P01' || codeOf(error) === '3F000') return;
      const isLocked = codeOf(error) === '55P03' || codeOf(error) === '40P01';
      if (!isLocked) throw wrapError(error, `REPLICA IDENTITY of table ${name} cannot be set`);
      if (Date.now() >= until) {
        throw new MigrationError(
          'lockTimeout',
          `REPLICA IDENTITY of table ${name} cannot be set: other sessions keep the table locked ` +
            '(see pg_locks). End them and try again.',
          { cause: error },
        );
      }
      await sleep(LOCK_PAUSE_MS, undefined, options.signal ? { signal: options.signal } : {});
    }
  }
}
