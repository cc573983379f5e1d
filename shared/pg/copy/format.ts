import type { PgSession } from '../connect.ts';
import { tableLabel } from './batch.ts';
import type { CopyFormat, TableOutcome } from './batch.ts';
import { hasPortableBinaryForm } from './binaryTypes.ts';
import { baseType, readDomains } from './tables.ts';
import type { SourceTable } from './tables.ts';

export interface ServerFacts {
  /** As in server_version_num. */
  serverVersion: number;
  /** The database's encoding: `UTF8`. */
  encoding: string;
}

export interface TargetColumn {
  baseTypeOid: number;
  typmod: number;
  /** COPY cannot write into it. */
  isGenerated: boolean;
}

/** The target's side of the tables to copy. */
export interface TargetShape extends ServerFacts {
  tables: ReadonlyMap<string, ReadonlyMap<string, TargetColumn>>;
}

/** A table with the form in which its rows travel. */
export interface PlannedTable extends SourceTable {
  format: CopyFormat;
  /** Set when both databases have this encoding and the bytes pass unconverted. */
  encoding?: string;
}

export async function sourceFacts(session: PgSession): Promise<ServerFacts> {
  const { rows } = await session.query<{ encoding: string }>(
    "select pg_catalog.current_setting('server_encoding') as encoding",
  );
  return { serverVersion: session.serverVersion, encoding: rows[0]?.encoding ?? 'UTF8' };
}

/** Reads the columns of the named tables in one query. */
export async function targetShape(
  session: PgSession,
  tables: readonly { schema: string; name: string }[],
): Promise<TargetShape> {
  const generated = session.serverVersion >= 120000 ? "a.attgenerated <> ''" : 'false';
  const { rows } = await session.query<{
    schema: string;
    name: string;
    columns: [string, number, number, boolean][] | null;
  }>(
    `select n.nspname as schema, c.relname as name,
       (select pg_catalog.json_agg(pg_catalog.json_build_array(
            a.attname, a.atttypid::bigint, a.atttypmod, ${generated}))
        from pg_catalog.pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
     from unnest($1::text[], $2::text[]) wanted (schema, name)
     join pg_catalog.pg_namespace n on n.nspname = wanted.schema
     join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = wanted.name
     where c.relkind = 'r'`,
    [tables.map(({ schema }) => schema), tables.map(({ name }) => name)],
  );
  const domains = await readDomains(session);
  const shapes = rows.map(({ schema, name, columns }) => {
    const byName = (columns ?? []).map(
      ([column, typeOid, typmod, isGenerated]): [string, TargetColumn] => [
        column,
        { baseTypeOid: baseType(typeOid, domains), typmod, isGenerated },
      ],
    );
    return [shapeKey({ schema, name }), new Map(byName)] as const;
  });
  return { ...(await sourceFacts(session)), tables: new Map(shapes) };
}

/** Splits the tables into those that can be copied and those that cannot, by name and cause. */
export function planFormats(
  tables: readonly SourceTable[],
  source: ServerFacts,
  target: TargetShape,
): { ready: PlannedTable[]; failed: TableOutcome[] } {
  const ready: PlannedTable[] = [];
  const failed: TableOutcome[] = [];
  for (const table of tables) {
    const columns = target.tables.get(shapeKey(table));
    const obstacle = obstacleOf(table, columns);
    if (columns === undefined || obstacle !== undefined) {
      const { oid, schema, name } = table;
      const error = `Table ${tableLabel(table)} cannot be copied: ${obstacle}`;
      failed.push({ oid, schema, name, part: 0, state: 'failed', kind: 'schemaFailed', error });
      continue;
    }
    ready.push({ ...table, ...chooseFormat(table, source, target, columns) });
  }
  return { ready, failed };
}

function obstacleOf(
  table: SourceTable,
  target: ReadonlyMap<string, TargetColumn> | undefined,
): string | undefined {
  if (target === undefined) return 'it is not on the target.';
  for (const { name } of table.columns) {
    const column = target.get(name);
    if (column === undefined) return `its column ${name} is not on the target.`;
    if (column.isGenerated) return `its column ${name} is generated on the target.`;
  }
  return undefined;
}

/**
 * Binary where every column's binary form means the same on both servers, text otherwise.
 *
 * Encodings: text is converted by way of UTF8, except between two databases of one other encoding
 * (SQL_ASCII above all): there the bytes pass as they are, which COPY can do only in text form. From
 * SQL_ASCII to another encoding the source checks that the bytes are valid UTF8; a table with bytes
 * that are not fails by name.
 */
function chooseFormat(
  table: SourceTable,
  source: ServerFacts,
  target: ServerFacts,
  targetColumns: ReadonlyMap<string, TargetColumn>,
): Pick<PlannedTable, 'format' | 'encoding'> {
  if (source.encoding === target.encoding && source.encoding !== 'UTF8') {
    return { format: 'text', encoding: source.encoding };
  }
  // Before 10 a server may have been built with dates and times as floating-point numbers.
  const isPortable =
    source.serverVersion >= 100000 &&
    table.columns.every((column) => {
      const there = targetColumns.get(column.name);
      return (
        hasPortableBinaryForm(column.baseTypeOid) &&
        there?.baseTypeOid === column.baseTypeOid &&
        there.typmod === column.typmod
      );
    });
  return { format: isPortable ? 'binary' : 'text' };
}

function shapeKey(table: { schema: string; name: string }): string {
  return JSON.stringify([table.schema, table.name]);
}
