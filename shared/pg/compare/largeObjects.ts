import type { SectionRow } from './compareSection.ts';
import { digest, hash64, rowBytes } from './rowHash.ts';
import type { RowHashAlgorithm } from './rowHash.ts';
import type { SidePool } from './sidePool.ts';

interface LargeObjectRow {
  oid: string;
  size: string;
  hash: string | null;
}

const BATCH = 500;
const CHUNK_BYTES = 1024 * 1024;

/**
 * Large objects with size and content. They are read by lo_get, in chunks, because pg_largeobject
 * itself is for superusers, and because pages that were never written are zeros there.
 */
export async function readLargeObjects(
  pool: SidePool,
  algorithm: RowHashAlgorithm | undefined,
): Promise<SectionRow[]> {
  const all = await pool.query<{ oid: string }>(
    'select oid::text as oid from pg_catalog.pg_largeobject_metadata order by oid',
  );
  const oids = all.map((row) => row.oid);
  const named = (oid: string, properties: Record<string, unknown>): SectionRow => ({
    object: oid,
    table_schema: null,
    table_name: null,
    properties,
  });
  if (algorithm === undefined) return oids.map((oid) => named(oid, {}));
  const batches: string[][] = [];
  for (let start = 0; start < oids.length; start += BATCH) {
    batches.push(oids.slice(start, start + BATCH));
  }
  const results = await Promise.all(
    batches.map((batch) => pool.query<LargeObjectRow>(contentSql(batch, algorithm))),
  );
  return results.flat().map((row) => named(row.oid, { size: Number(row.size), content: row.hash }));
}

function contentSql(oids: readonly string[], algorithm: RowHashAlgorithm): string {
  const chunk = digest(
    algorithm,
    rowBytes(['o.start', `pg_catalog.lo_get(s.oid, o.start, ${CHUNK_BYTES})`]),
  );
  // INV_READ is 262144, SEEK_END is 2; a descriptor lives no longer than its transaction.
  return `
    with sized as (
      select l.oid, pg_catalog.lo_lseek64(pg_catalog.lo_open(l.oid, 262144), 0, 2) as size
      from pg_catalog.unnest('{${oids.join(',')}}'::pg_catalog.oid[]) l(oid) offset 0
    )
    select s.oid::text as oid, s.size::text as size, (
      select pg_catalog.sum(${hash64(algorithm, 'x', 1)})::text || ' ' || pg_catalog.sum(${hash64(algorithm, 'x', 2)})::text
      from (select ${chunk} as x from pg_catalog.generate_series(0::int8, s.size - 1, ${CHUNK_BYTES}) o(start) offset 0) q
    ) as hash
    from sized s`;
}
