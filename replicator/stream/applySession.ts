import { MigrationError } from '../../shared/errors/migrationError.ts';
import { connect } from '../../shared/pg/connect.ts';
import type { PgSession } from '../../shared/pg/connect.ts';
import type { PgEndpoint } from '../../shared/pg/endpoint.ts';
import { requireMarker } from '../../shared/pg/copy/fence.ts';
import { firingObjects } from '../../shared/pg/schema/firingObjects.ts';
import { listenForStates } from '../../shared/wal/copy/waitForHold.ts';
import { becomeReplica } from '../../shared/wal/replicaRole.ts';

interface ApplySessionOptions {
  target: PgEndpoint;
  migrationId: string;
  applicationName: string;
  signal: AbortSignal;
}

/** The session that applies: marked for this migration, told of every change in pgmove.copies. */
export async function openApplySession(options: ApplySessionOptions): Promise<PgSession> {
  const { applicationName, signal } = options;
  const target = await connect(options.target, {
    applicationName,
    signal,
    settings: { synchronous_commit: 'on', lc_monetary: 'C' },
  });
  try {
    await requireMarker(target, options.target.database, options.migrationId);
    await listenForStates(target);
    return target;
  } catch (error) {
    await target.close();
    throw error;
  }
}

/**
 * Makes triggers, rules and foreign keys stand aside where the user may, and tells whether. What would
 * act on applied rows all the same would do again what the stream brings already.
 *
 * @throws MigrationError targetOccupied that names it.
 */
export async function standAside(target: PgSession): Promise<boolean> {
  const isReplicaRole = await becomeReplica(target);
  const firing = await firingObjects(target, isReplicaRole);
  if (firing.length === 0) return isReplicaRole;
  const names = firing.slice(0, 10).map(({ kind, table, name }) => `${kind} ${name} of ${table}`);
  throw new MigrationError(
    'targetOccupied',
    `On the target ${names.join(', ')} would act on the rows that are applied. Disable or drop ` +
      'what the migration did not create, then resume.',
  );
}
