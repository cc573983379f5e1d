import type { PgSession } from '../connect.ts';

/**
 * How a row becomes numbers that can be summed. The row's canonical form is `record_send(row(…))`:
 * per column the type's OID, the length (-1 for NULL) and the value in binary, so nothing is
 * ambiguous, floats and money are exact whatever the settings are, and texts arrive in
 * client_encoding whatever the servers' encodings are.
 *
 * - extended: PostgreSQL's own 64-bit hash with two seeds, so 128 bits per row. It decides in which
 *   partition a row goes, so it may not change between versions; it is still probed before use.
 *   Measured against md5 of the same bytes: a quarter of the time on narrow rows.
 * - sha256: from version 11, when the probe disagrees (other byte order).
 * - md5: sources or targets before 11.
 */
export type RowHashAlgorithm = 'extended' | 'sha256' | 'md5';

const EXTENDED_PROBE =
  "select pg_catalog.hash_array_extended(array['\\x00ff706766'::pg_catalog.bytea], 1)::text || ' ' || " +
  "pg_catalog.hash_array_extended(array[pg_catalog.decode(pg_catalog.repeat('a7', 1001), 'hex')], 2)::text as probe";

export async function chooseRowHash(
  source: PgSession,
  target: PgSession,
): Promise<RowHashAlgorithm> {
  if (Math.min(source.serverVersion, target.serverVersion) < 110000) return 'md5';
  const [left, right] = await Promise.all([probe(source), probe(target)]);
  return left !== undefined && left === right ? 'extended' : 'sha256';
}

async function probe(session: PgSession): Promise<string | undefined> {
  const result = await session.query<{ probe: string }>(EXTENDED_PROBE);
  return result.rows[0]?.probe;
}

/** The canonical form of a list of column forms. */
export function rowBytes(forms: readonly string[]): string {
  return `pg_catalog.record_send(row(${forms.join(', ')}))`;
}

/** What the inner query computes once per row from the canonical form. */
export function digest(algorithm: RowHashAlgorithm, bytes: string): string {
  switch (algorithm) {
    case 'extended':
      return bytes;
    case 'sha256':
      return `pg_catalog.encode(pg_catalog.sha256(${bytes}), 'hex')`;
    case 'md5':
      return `pg_catalog.md5(${bytes})`;
  }
}

/** One of two independent 64-bit numbers of a digest. */
export function hash64(algorithm: RowHashAlgorithm, digestName: string, half: 1 | 2): string {
  if (algorithm === 'extended') {
    return `pg_catalog.hash_array_extended(array[${digestName}], ${half})`;
  }
  return `('x' || pg_catalog.substr(${digestName}, ${half === 1 ? 1 : 17}, 16))::bit(64)::int8`;
}
