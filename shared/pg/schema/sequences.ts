import pg from 'pg';
import { wrapError } from '../../errors/classify.ts';
import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';

export interface SequenceOptions {
  /** Sequences to leave out, by oid on the source. */
  excludedOids?: readonly number[];
}

interface SequenceValue {
  schema: string;
  name: string;
  lastValue: string;
  isCalled: boolean;
}

const SEQUENCES_PER_QUERY = 500;

/**
 * Copies last_value and is_called of every sequence, identity and owned ones included. Idempotent:
 * the value is set, never added to.
 *
 * @returns how many.
 */
export async function copySequences(
  source: PgSession,
  target: PgSession,
  options: SequenceOptions = {},
): Promise<number> {
  const excluded = new Set(options.excludedOids ?? []);
  const { rows } = await source.query<{ oid: number; schema: string; name: string }>(
    `select c.oid, n.nspname as schema, c.relname as name
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'S' and c.relpersistence <> 't' and n.nspname !~ '^pg_'
       and n.nspname not in ('information_schema', 'pgmove')
       and (not exists (
           select from pg_catalog.pg_depend d
           where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid
             and d.deptype = 'e')
         or exists (select from pg_catalog.pg_extension e where c.oid = any (e.extconfig)))
     order by c.oid`,
  );
  const sequences = rows.filter((row) => !excluded.has(row.oid));
  for (let start = 0; start < sequences.length; start += SEQUENCES_PER_QUERY) {
    const values = await readValues(source, sequences.slice(start, start + SEQUENCES_PER_QUERY));
    await setValues(target, values);
  }
  return sequences.length;
}

async function readValues(
  source: PgSession,
  sequences: readonly { schema: string; name: string }[],
): Promise<SequenceValue[]> {
  const selects = sequences.map(
    ({ schema, name }, index) =>
      `select ${index} as at, last_value::text as "lastValue", is_called as "isCalled" ` +
      `from ${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`,
  );
  const { rows } = await source
    .query<{ at: number; lastValue: string; isCalled: boolean }>(selects.join(' union all '))
    .catch((error: unknown) => {
      throw wrapError(error, 'The values of the sequences cannot be read on the source');
    });
  return rows.map((row) => {
    const sequence = sequences[row.at];
    if (sequence === undefined) throw new Error('A sequence came back that was not asked for.');
    return { ...sequence, lastValue: row.lastValue, isCalled: row.isCalled };
  });
}

async function setValues(target: PgSession, values: readonly SequenceValue[]): Promise<void> {
  const names = values.map(
    ({ schema, name }) => `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`,
  );
  const missing = await target.query<{ name: string }>(
    'select n as name from unnest($1::text[]) n where pg_catalog.to_regclass(n) is null',
    [names],
  );
  if (missing.rows.length > 0) {
    throw new MigrationError(
      'schemaFailed',
      `The target lacks ${missing.rows.length} sequence(s) of the source: ` +
        `${missing.rows
          .slice(0, 10)
          .map((row) => row.name)
          .join(', ')}.`,
    );
  }
  await target
    .query(
      `select pg_catalog.count(pg_catalog.setval(n::pg_catalog.regclass, v, c))
       from unnest($1::text[], $2::int8[], $3::bool[]) as u (n, v, c)`,
      [names, values.map((value) => value.lastValue), values.map((value) => value.isCalled)],
    )
    .catch((error: unknown) => {
      throw wrapError(error, 'The values of the sequences cannot be set on the target');
    });
}
