import { isDatabaseEnded } from '../../shared/contracts/status.ts';
import { transitionMigration } from '../../shared/contracts/transitions.ts';
import type { ActivityEnvironment } from './defineActivity.ts';

/** The migration waits for the cutover when every database that is not at its end does. */
export async function foldGate(env: ActivityEnvironment): Promise<void> {
  const { ref } = env.record;
  const databases = await env.stores.databases.list(ref.id);
  const open = databases.filter(({ state }) => !isDatabaseEnded(state));
  const isWaiting =
    open.length > 0 && open.every(({ state }) => state === 'WaitingForCutoverTrigger');
  const now = new Date().toISOString();
  await env.stores.migrations.update(ref, (row) => {
    const { subState } = row.status;
    // A cutover that failed leads back here.
    if (isWaiting && (subState === 'MigratingData' || subState === 'CompletingMigration')) {
      const to = { state: 'WaitingForUserAction', subState: 'WaitingForCutoverTrigger' } as const;
      return transitionMigration(row, to, now);
    }
    if (!isWaiting && subState === 'WaitingForCutoverTrigger') {
      return transitionMigration(row, { state: 'InProgress', subState: 'MigratingData' }, now);
    }
    return undefined;
  });
}
