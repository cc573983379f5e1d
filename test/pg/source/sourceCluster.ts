import type pg from 'pg';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { connect } from '../../../shared/pg/connect.ts';
import type { PgSession } from '../../../shared/pg/connect.ts';
import { endpointOf } from '../copy/copyPair.ts';

let databaseCount = 0;

/** A new database with a superuser's client in it. */
export async function makeDatabase(
  cluster: ThrowawayCluster,
  sql = '',
): Promise<{ database: string; client: pg.Client }> {
  const database = `source ${++databaseCount}`;
  await cluster.createDatabase(database);
  const client = await cluster.connect(database);
  if (sql !== '') await client.query(sql);
  return { database, client };
}

export function openSession(
  cluster: ThrowawayCluster,
  database: string,
  user = 'postgres',
): Promise<PgSession> {
  return connect(endpointOf(cluster, database, user), { applicationName: 'pgmove/test/source' });
}
