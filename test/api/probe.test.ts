import { OrchestrationRuntimeStatus } from 'durable-functions';
import { expect, test } from 'vitest';
import { runProbe } from '../../functions/durable/probe.ts';
import type { SecretBundle, SecretStore } from '../../shared/secrets/secretStore.ts';

type Client = Parameters<typeof runProbe>[0];

/** Plays an orchestration that is seen only at the second look, and notes what it was given. */
function play(change: Partial<Client> = {}) {
  const bundles = new Map<string, SecretBundle>();
  const seen: { input?: unknown; secrets?: SecretBundle[]; purged: string[] } = { purged: [] };
  let looks = 0;
  const client = {
    startNew: (_name: string, options: { input: unknown }) => {
      seen.input = options.input;
      seen.secrets = [...bundles.values()];
      return Promise.resolve('');
    },
    getStatus: () =>
      looks++ === 0
        ? Promise.reject(new Error('Durable Functions extension replied with HTTP 404 response.'))
        : Promise.resolve({
            runtimeStatus: OrchestrationRuntimeStatus.Completed,
            output: { databases: [] },
          }),
    purgeInstanceHistory: (id: string) => Promise.resolve(void seen.purged.push(id)),
    ...change,
  } as unknown as Client;
  const secrets: SecretStore = {
    put: (id, bundle) => Promise.resolve(void bundles.set(id, bundle)),
    get: (id) => Promise.resolve(bundles.get(id)),
    delete: (id) => Promise.resolve(void bundles.delete(id)),
    list: async function* () {},
  };
  return { client, secrets, bundles, seen };
}

const BUNDLE = { sourcePassword: 'Zauber-4711' };

test('the answer comes, and secret and history are gone', async () => {
  const { client, secrets, bundles, seen } = play();
  const found = await runProbe(client, secrets, BUNDLE, { withDatabases: true });
  expect(found).toEqual({ databases: [] });
  expect(seen.secrets).toEqual([BUNDLE]);
  expect(JSON.stringify(seen.input)).not.toContain('Zauber');
  expect(bundles.size).toBe(0);
  expect(seen.purged).toHaveLength(1);
});

test('no secret stays when nothing can be started, or the probe fails', async () => {
  const down = play({ startNew: () => Promise.reject(new Error('away')) });
  await expect(
    runProbe(down.client, down.secrets, BUNDLE, { withDatabases: false }),
  ).rejects.toThrow('away');
  const failed = play({
    getStatus: (() =>
      Promise.resolve({
        runtimeStatus: OrchestrationRuntimeStatus.Failed,
      })) as unknown as Client['getStatus'],
  });
  await expect(
    runProbe(failed.client, failed.secrets, BUNDLE, { withDatabases: false }),
  ).rejects.toThrow(/without a result/);
  expect([down.bundles.size, failed.bundles.size]).toEqual([0, 0]);
});
