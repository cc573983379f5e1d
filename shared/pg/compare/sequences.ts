import pg from 'pg';
import type { SectionRow } from './compareSection.ts';
import type { SidePool } from './sidePool.ts';
import { notOfExtension, properties, qualified, userSchema } from './sections/section.ts';

interface SequenceRow extends SectionRow, Record<string, unknown> {
  oid: number;
  schema: string;
  name: string;
}

const BATCH = 200;

/** Sequences with their parameters and their state; each one's state is a row of its own relation. */
export async function readSequences(pool: SidePool): Promise<SectionRow[]> {
  const isOld = pool.serverVersion < 100000;
  const catalog = isOld ? '' : 'join pg_catalog.pg_sequence s on s.seqrelid = c.oid';
  const sequences = await pool.query<SequenceRow>(`
    select c.oid, n.nspname as schema, c.relname as name, ${qualified('n.nspname', 'c.relname')} as object,
      n.nspname as table_schema, o.relname as table_name, ${properties(
        [
          'owned by',
          "o.oid::pg_catalog.regclass::text || '.' || (select a.attname from pg_catalog.pg_attribute a where a.attrelid = o.oid and a.attnum = d.refobjsubid)",
        ],
        ['persistence', 'c.relpersistence'],
        !isOld && ['start', 's.seqstart'],
        !isOld && ['increment', 's.seqincrement'],
        !isOld && ['maximum', 's.seqmax'],
        !isOld && ['minimum', 's.seqmin'],
        !isOld && ['cache', 's.seqcache'],
        !isOld && ['cycle', 's.seqcycle'],
      )}
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace and ${userSchema('n')}
      and ${notOfExtension('pg_class', 'c.oid')}
    left join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid
      and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.deptype in ('a', 'i') and d.refobjsubid > 0
    left join pg_catalog.pg_class o on o.oid = d.refobjid
    ${catalog} where c.relkind = 'S' and c.relpersistence <> 't'`);
  for (let start = 0; start < sequences.length; start += BATCH) {
    await readStates(pool, sequences.slice(start, start + BATCH), isOld);
  }
  return sequences;
}

async function readStates(
  pool: SidePool,
  sequences: readonly SequenceRow[],
  isOld: boolean,
): Promise<void> {
  const parameters = isOld
    ? ", 'start', start_value, 'increment', increment_by, 'maximum', max_value, 'minimum', min_value, 'cache', cache_value, 'cycle', is_cycled"
    : '';
  const selects = sequences.map(
    (sequence, index) =>
      `select ${index} as index, pg_catalog.jsonb_build_object('last value', last_value, 'is called', is_called${parameters}) as state ` +
      `from ${pg.escapeIdentifier(sequence.schema)}.${pg.escapeIdentifier(sequence.name)}`,
  );
  const rows = await pool.query<{ index: number; state: Record<string, unknown> }>(
    selects.join(' union all '),
  );
  for (const { index, state } of rows) {
    const sequence = sequences[index];
    if (sequence) sequence.properties = { ...sequence.properties, ...state };
  }
}
