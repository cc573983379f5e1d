import { taskHubOf } from '../../shared/contracts/runtimes.ts';
import { runtime } from '../../shared/state/runtime.ts';

const startedOn = new Date().toISOString();

/**
 * Tells that this worker group is there. With another hub's name than its own it would take up other
 * deployments' orchestrations, so it is not registered then.
 *
 * @throws Error that names the setting.
 */
export async function registerRuntime(taskHub: string | undefined): Promise<void> {
  const { stores, settings } = await runtime();
  const id = settings.runtime;
  if (id === undefined) return;
  const expected = taskHubOf(id);
  if (taskHub?.toLowerCase() !== expected) {
    throw new Error(
      `The worker group ${id} needs the task hub ${expected}, but has ${taskHub ?? 'none'}: ` +
        `set AzureFunctionsJobHost__extensions__durableTask__hubName to ${expected}.`,
    );
  }
  await stores.runtimes.put({
    id,
    taskHub: expected,
    startedOn,
    seenOn: new Date().toISOString(),
  });
}
