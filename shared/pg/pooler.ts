import pg from 'pg';
import { MigrationError } from '../errors/migrationError.ts';

/*
 * A connection pooler answers in the server's place. Where it gives each transaction another
 * connection, settings, snapshots, locks and notifications of a session are somebody else's the next
 * moment: values would be written under the wrong settings, and ours would stay with the
 * applications. Where it gives a whole session one connection, all of that works; only a change
 * stream does not pass.
 */

/** The server tells its process id in the protocol; a pooler tells one that it made up. */
export function isPooled(client: pg.Client, backendPid: number): boolean {
  const { processID } = client as pg.Client & { processID?: number | null };
  return processID !== backendPid;
}

const ROUNDS = 5;

/**
 * Refuses a pooler whose sessions share the server's connections, before anything is set there.
 *
 * @throws MigrationError invalidInput.
 */
export async function refuseSharedBackends(
  client: pg.Client,
  backendPid: number,
  config: pg.ClientConfig,
): Promise<void> {
  const other = new pg.Client(config);
  other.on('error', () => undefined);
  await other.connect();
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const own = await pidOf(client);
      // Two sessions that are open at once never have the same backend, and each keeps its own.
      if (own === backendPid && own !== (await pidOf(other))) continue;
      throw new MigrationError(
        'invalidInput',
        'a connection pooler in transaction mode is in between; give host and port of the server ' +
          'itself',
      );
    }
  } finally {
    await other.end().catch(() => undefined);
  }
}

async function pidOf(client: pg.Client): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>('select pg_catalog.pg_backend_pid() as pid');
  return rows[0]?.pid;
}
