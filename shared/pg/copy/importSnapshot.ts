import pg from 'pg';
import { isTransient, kindOf } from '../../errors/classify.ts';
import { messageOf, MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';

/**
 * Begins a read-only transaction that sees the exported snapshot; the session is closed when it
 * cannot.
 *
 * @param of What it is a snapshot of, for the message.
 * @throws MigrationError snapshotLost when the server does not give it: its exporter has ended, or it
 *   is of another database or server (a proxy may lead elsewhere). A new one is the way out of all.
 */
export async function importSnapshot(
  session: PgSession,
  snapshot: string,
  of: string,
): Promise<void> {
  try {
    await session.query('begin isolation level repeatable read, read only');
    await session.query(`set transaction snapshot ${pg.escapeLiteral(snapshot)}`);
  } catch (error) {
    await session.close();
    const kind = kindOf(error);
    // These say nothing about the snapshot.
    if (isTransient(kind) || kind === 'canceled' || kind === 'resourceExhausted') throw error;
    throw new MigrationError('snapshotLost', `The snapshot of ${of} is gone: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
