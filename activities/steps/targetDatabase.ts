import { readControl } from '../../shared/pg/copy/control.ts';
import {
  createTargetDatabase,
  dropTargetDatabase,
  readDatabaseFacts,
  targetDatabaseState,
} from '../../shared/pg/schema/database.ts';
import type { TargetDatabaseState } from '../../shared/pg/schema/database.ts';
import type { ActivityEnvironment } from './defineActivity.ts';
import { openMaintenance } from './maintenanceSession.ts';

export interface TargetLook {
  state: TargetDatabaseState;
  /** Whether the database carries this migration's mark. */
  isOurs: boolean;
}

/** What stands in the target database now. Reads only. */
export async function lookAtTarget(
  env: ActivityEnvironment,
  database: string,
): Promise<TargetLook> {
  const endpoint = env.endpoint('target', database);
  const state = await targetDatabaseState(endpoint, { applicationName: 'pgmove/prepare' });
  if (state.state === 'absent' || !state.hasControlSchema) return { state, isOurs: false };
  await using session = await env.open('target', database);
  const marker = await readControl(session);
  return { state, isOurs: marker?.migrationId === env.record.ref.id };
}

/** Creates the target database as the source's is; an existing one is dropped first if asked. */
export async function recreateDatabase(
  env: ActivityEnvironment,
  database: string,
  dropFirst: boolean,
): Promise<void> {
  const name = env.targetName(database);
  const endpoint = env.endpoint('target', database);
  await using source = await env.open('source', database);
  const facts = await readDatabaseFacts(source);
  await using admin = await openMaintenance(endpoint, 'pgmove/prepare', name);
  if (dropFirst) await dropTargetDatabase(admin, name);
  await createTargetDatabase(admin, name, facts);
}
