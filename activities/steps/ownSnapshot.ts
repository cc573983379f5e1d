import type { ActivityEnvironment } from './defineActivity.ts';

/** A snapshot to read under, for as long as the activity runs. */
export interface ActivitySnapshot extends AsyncDisposable {
  readonly id: string;
}

/**
 * The snapshot that the replicator holds; or, online, where it holds none, one of our own. Ours
 * locks no table: others may have to wait for pg_dump's locks, but never pg_dump for somebody who
 * waits for us.
 */
export async function activitySnapshot(
  env: ActivityEnvironment,
  database: string,
  held: string,
): Promise<ActivitySnapshot> {
  if (held !== '') return { id: held, [Symbol.asyncDispose]: () => Promise.resolve() };
  const session = await env.open('source', database);
  try {
    await session.query('begin isolation level repeatable read, read only');
    const { rows } = await session.query<{ id: string }>(
      'select pg_catalog.pg_export_snapshot() as id',
    );
    return { id: rows[0]?.id ?? '', [Symbol.asyncDispose]: () => session.close() };
  } catch (error) {
    await session.close();
    throw error;
  }
}
