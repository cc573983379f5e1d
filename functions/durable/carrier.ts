import { QUEUES } from '../../shared/contracts/names.ts';
import type { RuntimeCommand } from '../../shared/contracts/names.ts';
import type { MigrationRecord } from '../../shared/contracts/records.ts';
import type { Runtime } from '../../shared/state/runtime.ts';
import { ensureInstance, ensurePurge, wake, wakeDatabases } from './instances.ts';
import type { Instances } from './instances.ts';

type Deployment = Pick<Runtime, 'stores' | 'settings'> & { client: Instances };

/** Whether this deployment carries the migration, and no other. */
export function isCarriedHere(
  settings: Runtime['settings'],
  { runtime }: Pick<MigrationRecord, 'runtime'>,
): boolean {
  return runtime === settings.runtime;
}

/** Sees to it that the orchestration of the record's run is there, in whichever deployment it belongs. */
export async function startCarried(here: Deployment, record: MigrationRecord): Promise<void> {
  if (isCarriedHere(here.settings, record)) await ensureInstance(here.client, record);
  else await tellCarrier(here, record, 'start');
}

/** Wakes the migration and those of its databases that wait. What should be done is in the rows. */
export async function wakeCarried(here: Deployment, record: MigrationRecord): Promise<void> {
  if (isCarriedHere(here.settings, record)) {
    await wake(here.client, record);
    await wakeDatabases(here.client, here.stores, record);
  } else {
    await tellCarrier(here, record, 'wake');
  }
}

export async function purgeCarried(here: Deployment, record: MigrationRecord): Promise<void> {
  if (isCarriedHere(here.settings, record)) await ensurePurge(here.client, record);
  else await tellCarrier(here, record, 'purge');
}

async function tellCarrier(
  { stores }: Deployment,
  { ref, runtime }: MigrationRecord,
  kind: RuntimeCommand['kind'],
): Promise<void> {
  const command: RuntimeCommand = { kind, ref };
  await stores.queues.send(QUEUES.runtimeCommands, JSON.stringify(command), { runtime });
}
