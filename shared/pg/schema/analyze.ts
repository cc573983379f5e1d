import pg from 'pg';
import type { NoticeMessage } from 'pg-protocol/dist/messages.js';
import { wrapError } from '../../errors/classify.ts';
import type { PgSession } from '../connect.ts';
import { notCarriedList } from './notCarried.ts';
import type { NotCarried, NotCarriedList } from './notCarried.ts';

export interface AnalyzeOptions {
  jobs: number;
  /** All user tables when absent. */
  tables?: readonly { schema: string; table: string }[];
  signal?: AbortSignal;
}

interface AnalyzedTable {
  schema: string;
  table: string;
  bytes: number;
}

/** Together these are one statement: a round trip each would cost more than their work. */
const SMALL_TABLE_BYTES = 1024 * 1024;
const SMALL_TABLES_PER_STATEMENT = 100;

/**
 * ANALYZE of the copied tables, the largest first, over several sessions. Run before ownership is
 * given away: only a table's owner may. What PostgreSQL skips is reported.
 */
export async function analyze(
  open: () => Promise<PgSession>,
  options: AnalyzeOptions,
): Promise<NotCarried[]> {
  const report = notCarriedList();
  const sessions = [await open()];
  try {
    const first = sessions[0];
    if (first === undefined) return [];
    const statements = cutStatements(await readTables(first, options.tables), first.serverVersion);
    while (sessions.length < Math.min(Math.max(options.jobs, 1), statements.length)) {
      sessions.push(await open());
    }
    await Promise.all(sessions.map((session) => work(session, statements, report, options.signal)));
  } finally {
    await Promise.all(sessions.map((session) => session.close()));
  }
  return report.items();
}

/**
 * Ordinary tables, materialized views and partitioned tables, which autovacuum never analyzes by
 * itself.
 */
async function readTables(
  session: PgSession,
  tables: AnalyzeOptions['tables'],
): Promise<AnalyzedTable[]> {
  const { rows } = await session.query<AnalyzedTable>(
    `select n.nspname as schema, c.relname as table,
       pg_catalog.pg_table_size(c.oid)::float8 as bytes
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'm', 'p') and ($1 or not c.relispartition)
       and c.relpersistence <> 't' and n.nspname !~ '^pg_'
       and n.nspname not in ('information_schema', 'pgmove')
     order by 3 desc, c.oid`,
    // ANALYZE of a partitioned table analyzes its leaves too.
    [tables !== undefined],
  );
  if (tables === undefined) return rows;
  const wanted = new Set(tables.map(({ schema, table }) => `${schema}\n${table}`));
  return rows.filter((row) => wanted.has(`${row.schema}\n${row.table}`));
}

/** A tenth of the rows, as autovacuum has it, and some for small tables. */
const STALE_SHARE = 0.1;
const STALE_ROWS = 50;

/** Tables whose statistics are missing or old; materialized views, which have just been refreshed. */
export async function staleTables(
  session: PgSession,
): Promise<{ schema: string; table: string }[]> {
  const { rows } = await session.query<{ schema: string; table: string }>(
    `select n.nspname as schema, c.relname as table
     from pg_catalog.pg_class c
       join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       left join pg_catalog.pg_stat_all_tables s on s.relid = c.oid
     where c.relkind in ('r', 'm') and c.relpersistence <> 't' and n.nspname !~ '^pg_'
       and n.nspname not in ('information_schema', 'pgmove')
       and (c.relkind = 'm' or coalesce(s.last_analyze, s.last_autoanalyze) is null
         or s.n_mod_since_analyze > ${STALE_SHARE} * c.reltuples + ${STALE_ROWS})`,
  );
  return rows;
}

/** Before 11 a statement takes one table; then many of them go as one simple query. */
function cutStatements(tables: readonly AnalyzedTable[], serverVersion: number): string[] {
  const statements: string[] = [];
  let small: string[] = [];
  const flush = () => {
    if (small.length === 0) return;
    statements.push(
      serverVersion >= 110000
        ? `analyze ${small.join(', ')}`
        : small.map((name) => `analyze ${name}`).join('; '),
    );
    small = [];
  };
  for (const { schema, table, bytes } of tables) {
    const name = `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table)}`;
    if (bytes > SMALL_TABLE_BYTES) {
      statements.push(`analyze ${name}`);
    } else {
      small.push(name);
      if (small.length === SMALL_TABLES_PER_STATEMENT) flush();
    }
  }
  flush();
  return statements;
}

async function work(
  session: PgSession,
  statements: string[],
  report: NotCarriedList,
  signal: AbortSignal | undefined,
): Promise<void> {
  // "permission denied to analyze "t", skipping it" comes as a warning.
  const listen = (notice: NoticeMessage) => {
    if (notice.severity === 'WARNING' && notice.message !== undefined) {
      report.add('analyze', notice.message, 'PostgreSQL skipped it; run ANALYZE as its owner.');
    }
  };
  session.client.on('notice', listen);
  try {
    await session.query('set client_min_messages = warning');
    for (let sql = statements.shift(); sql !== undefined; sql = statements.shift()) {
      signal?.throwIfAborted();
      await session.query(sql);
    }
  } catch (error) {
    throw wrapError(error, 'ANALYZE failed on the target');
  } finally {
    session.client.off('notice', listen);
  }
}
