import { isDatabaseEnded } from '../../shared/contracts/status.ts';
import { transitionMigration } from '../../shared/contracts/transitions.ts';
import type { ActivityEnvironment } from './defineActivity.ts';

/** Rows and indexes of the last database are in: what is left of the migration are its last steps. */
export async function noteCompleting(env: ActivityEnvironment, database: string): Promise<void> {
  const { ref } = env.record;
  const databases = await env.stores.databases.list(ref.id);
  const isLast = databases.every((row) => row.database === database || isDatabaseEnded(row.state));
  if (!isLast) return;
  const now = new Date().toISOString();
  await env.stores.migrations.update(ref, (row) => {
    const { subState } = row.status;
    // A cancel that is on its way, or an end, says more.
    if (subState !== 'MigratingData' && subState !== 'WaitingForCutoverTrigger') return undefined;
    return transitionMigration(row, { state: 'InProgress', subState: 'CompletingMigration' }, now);
  });
}
