import type { PgSession } from '../../shared/pg/connect.ts';
import { importSnapshot } from '../../shared/pg/copy/importSnapshot.ts';
import type { ActivityEnvironment } from './defineActivity.ts';

/**
 * A session on the source whose transaction sees the exported snapshot. Closing it ends the
 * transaction.
 *
 * @throws MigrationError snapshotLost when the snapshot is no longer there.
 */
export async function openUnderSnapshot(
  env: ActivityEnvironment,
  database: string,
  snapshot: string,
): Promise<PgSession> {
  const session = await env.open('source', database);
  await importSnapshot(session, snapshot, database);
  return session;
}
