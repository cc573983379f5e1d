import pg from 'pg';
import type { PgSession } from '../connect.ts';
import type { ArchiveEntry } from './archive.ts';
import { readDatabaseFacts } from './databaseFacts.ts';
import type {
  ConstraintWork,
  IndexWork,
  MaterializedViewFact,
  SchemaPlan,
  TableIndexWork,
} from './plan.ts';
import { splitEntries } from './splitEntries.ts';
import { splitStatements } from './sqlLexer.ts';

export interface PlanOptions {
  /** Tables, partitioned tables, foreign tables and materialized views to leave out, by oid. */
  excludedTableOids?: readonly number[];
}

/**
 * Reads the facts that the archive lacks and sorts the entries by when they run. The session's
 * transaction should have the snapshot of the dump.
 */
export async function planSchema(
  source: PgSession,
  entries: readonly ArchiveEntry[],
  options: PlanOptions = {},
): Promise<SchemaPlan> {
  const indexes = await readIndexes(source);
  const byEntry = new Map<string, IndexFact>();
  for (const fact of indexes) {
    if (fact.relkind !== 'r') continue;
    const key =
      fact.constraintOid === null ? `INDEX ${fact.oid}` : `CONSTRAINT ${fact.constraintOid}`;
    byEntry.set(key, fact);
  }
  const factOf = (entry: ArchiveEntry) => byEntry.get(`${entry.type} ${entry.oid}`);
  const { indexWork, ...split } = splitEntries(entries, {
    excludedOids: new Set(options.excludedTableOids ?? []),
    isOnOrdinaryTable: (entry) => factOf(entry) !== undefined,
  });
  const works: Record<string, TableIndexWork> = {};
  for (const entry of indexWork) {
    const fact = factOf(entry);
    if (fact === undefined) continue;
    const work = (works[fact.tableOid] ??= {
      tableOid: fact.tableOid,
      schema: fact.schema,
      table: fact.table,
      indexes: [],
      sql: '',
    });
    work.indexes.push(indexWorkOf(entry, fact));
    work.sql += `${entry.sql}\n`;
  }
  return {
    ...split,
    indexWork: works,
    materializedViews: await readMaterializedViews(source, split.preData, split.postData),
    database: await readDatabaseFacts(source),
  };
}

interface IndexFact {
  oid: number;
  tableOid: number;
  schema: string;
  table: string;
  relkind: string;
  name: string;
  bytes: number;
  /** pg_get_indexdef, for indexes of primary keys and unique constraints. */
  definition: string | null;
  constraintOid: number | null;
  constraintName: string | null;
  constraintType: string | null;
  isDeferrable: boolean | null;
  isDeferred: boolean | null;
  method: string;
}

async function readIndexes(source: PgSession): Promise<IndexFact[]> {
  const { rows } = await source.query<IndexFact>(
    `select i.indexrelid as oid, i.indrelid as "tableOid", n.nspname as schema,
       t.relname as table, t.relkind::text as relkind, c.relname as name,
       coalesce(pg_catalog.pg_relation_size(i.indexrelid), 0)::float8 as bytes,
       case when k.contype in ('p', 'u') then pg_catalog.pg_get_indexdef(i.indexrelid) end
         as definition,
       k.oid as "constraintOid", k.conname as "constraintName", k.contype::text as "constraintType",
       k.condeferrable as "isDeferrable", k.condeferred as "isDeferred", a.amname as method
     from pg_catalog.pg_index i
       join pg_catalog.pg_class c on c.oid = i.indexrelid
       join pg_catalog.pg_class t on t.oid = i.indrelid
       join pg_catalog.pg_namespace n on n.oid = t.relnamespace
       join pg_catalog.pg_am a on a.oid = c.relam
       left join pg_catalog.pg_constraint k
         on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x')
     where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     order by i.indrelid, i.indexrelid`,
  );
  return rows;
}

function indexWorkOf(entry: ArchiveEntry, fact: IndexFact): IndexWork {
  const [first = '', ...tail] = splitStatements(entry.sql);
  const common = {
    oid: fact.oid,
    schema: fact.schema,
    table: fact.table,
    name: fact.name,
    bytes: fact.bytes,
    tail,
  };
  if (fact.constraintName === null) {
    return { ...common, createSql: first, constraint: undefined };
  }
  const usingIndexSql = usingIndex(fact);
  const constraint: ConstraintWork = {
    name: fact.constraintName,
    usingIndexSql,
    ownSql: first,
  };
  return {
    ...common,
    createSql: usingIndexSql === undefined ? undefined : (fact.definition ?? undefined),
    constraint,
  };
}

/** Only a plain btree can become a constraint's index; the server checks the rest. */
function usingIndex(fact: IndexFact): string | undefined {
  const isKey = fact.constraintType === 'p' || fact.constraintType === 'u';
  if (!isKey || fact.method !== 'btree' || fact.constraintName === null) return undefined;
  const name = pg.escapeIdentifier(fact.constraintName);
  return (
    `alter table only ${pg.escapeIdentifier(fact.schema)}.${pg.escapeIdentifier(fact.table)} ` +
    `add constraint ${name} ${fact.constraintType === 'p' ? 'primary key' : 'unique'} ` +
    `using index ${pg.escapeIdentifier(fact.name)}` +
    (fact.isDeferrable ? ' deferrable' : '') +
    (fact.isDeferred ? ' initially deferred' : '')
  );
}

/** In the archive's order, which is that of their dependencies. */
async function readMaterializedViews(
  source: PgSession,
  ...lists: ArchiveEntry[][]
): Promise<MaterializedViewFact[]> {
  const { rows } = await source.query<{ oid: number }>(
    "select oid from pg_catalog.pg_class where relkind = 'm' and relispopulated",
  );
  const populated = new Set(rows.map((row) => row.oid));
  return lists
    .flat()
    .filter((entry) => entry.type === 'MATERIALIZED VIEW')
    .map((entry) => ({
      oid: entry.oid,
      schema: entry.schema,
      name: entry.name,
      isPopulated: populated.has(entry.oid),
    }));
}
