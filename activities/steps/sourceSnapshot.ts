import pg from 'pg';
import { codeOf, messageOf, MigrationError } from '../../shared/errors/migrationError.ts';
import type { PgSession } from '../../shared/pg/connect.ts';
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
  try {
    await session.query('begin isolation level repeatable read, read only');
    await session.query(`set transaction snapshot ${pg.escapeLiteral(snapshot)}`);
    return session;
  } catch (error) {
    await session.close();
    // 22023: invalid snapshot identifier; 42704 from 18 on: the snapshot does not exist; 55000: the
    // exporting transaction is not running anymore.
    if (['22023', '42704', '55000'].includes(codeOf(error) ?? '')) {
      throw new MigrationError(
        'snapshotLost',
        `The snapshot of ${database} is gone: ${messageOf(error)}`,
        { cause: error },
      );
    }
    throw error;
  }
}
