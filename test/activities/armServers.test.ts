import tls from 'node:tls';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { readArmServers } from '../../activities/steps/armServers.ts';
import { hasOpenssl, makeAuthority } from '../e2e/support/certificates.ts';
import type { Authority } from '../e2e/support/certificates.ts';
import { AZURE_SUBSCRIPTION, startRecordedAzure } from '../e2e/support/recordedAzure.ts';
import type { RecordedAzure } from '../e2e/support/recordedAzure.ts';

/*
 * The published client and the published login, against recorded answers over TLS. Before Node 22.19
 * a process cannot be told of an authority while it runs.
 */
const isPossible = hasOpenssl && 'setDefaultCACertificates' in tls;

let authority: Authority;
let azure: RecordedAzure;

beforeAll(async () => {
  if (!isPossible) return;
  authority = await makeAuthority();
  azure = await startRecordedAzure(authority);
  tls.setDefaultCACertificates([...tls.getCACertificates(), authority.certificate]);
  for (const [name, value] of Object.entries(azure.environment)) vi.stubEnv(name, value);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await azure?.[Symbol.asyncDispose]();
  await authority?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  if (azure === undefined) return;
  azure.answer = () => undefined;
  azure.asked.length = 0;
});

const ID = `/subscriptions/${AZURE_SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.DBforPostgreSQL/flexibleServers/exampleserver`;

function read(change: { subscriptionId?: string; host?: string; isAsked?: boolean } = {}) {
  const { subscriptionId = AZURE_SUBSCRIPTION, host = '10.0.0.4', isAsked = true } = change;
  const server = { host, port: 5432, user: 'u', tls: { mode: 'prefer' as const } };
  const record = {
    subscriptionId,
    resourceGroupName: 'group',
    serverName: 'exampleserver',
    spec: { source: { ...server, resourceId: '10.0.0.1:5432@u' }, target: server },
  };
  const settings = isAsked ? { arm: { endpoint: azure.endpoint } } : {};
  return readArmServers(settings, record as unknown as Parameters<typeof readArmServers>[1]);
}

test.skipIf(!isPossible)('says what Azure says, by the published client and login', async () => {
  const { source, target } = await read();
  expect(target).toEqual({
    server: {
      name: 'exampleserver',
      location: 'West Europe',
      version: '17.5',
      sku: { name: 'Standard_B2s', tier: 'Burstable' },
      storageMb: 32 * 1024,
      growsByItself: false,
      state: 'Ready',
      highAvailability: 'ZoneRedundant',
      replicaCount: 2,
      allowedExtensions: ['hstore', 'PG_STAT_STATEMENTS'],
    },
  });
  expect(azure.asked.toSorted()).toEqual([
    ID,
    `${ID}/configurations/azure.extensions`,
    `${ID}/replicas`,
  ]);
  expect(source).toEqual({
    notChecked: 'The source is not named as a flexible server of an Azure subscription.',
  });
});

test.skipIf(!isPossible)('what only some rights lack is left out, not invented', async () => {
  azure.answer = (asked) => (asked === ID ? undefined : { status: 403, body: {} });
  const { target } = await read();
  expect(target).toHaveProperty('server.storageMb');
  expect(target).not.toHaveProperty('server.replicaCount');
  expect(target).not.toHaveProperty('server.allowedExtensions');
});

test.skipIf(!isPossible)('says why it could not be asked', async () => {
  const reason = async (...change: Parameters<typeof read>) => {
    const { target } = await read(...change);
    return 'notChecked' in target ? target.notChecked : target;
  };
  expect(await reason({ isAsked: false })).toMatch(/PGMOVE_ARM_METADATA/);
  expect(await reason({ subscriptionId: '00000000-0000-0000-0000-000000000000' })).toMatch(
    /not named as a flexible server/,
  );
  expect(azure.asked).toEqual([]);
  expect(await reason({ host: 'other.postgres.database.azure.com' })).toMatch(
    /is reached at exampleserver\.postgres\.database\.azure\.com, not at other/,
  );
  azure.answer = () => ({ status: 403, body: { error: { code: 'AuthorizationFailed' } } });
  expect(await reason()).toMatch(/may not read it \(Microsoft\.DBforPostgreSQL/);
  azure.answer = () => ({ status: 404, body: { error: { code: 'ResourceNotFound' } } });
  expect(await reason()).toMatch(/there is no such server/);
});

test.skipIf(!isPossible)(
  'an answer that never comes is waited for no longer than the limit',
  async () => {
    azure.answer = () => 'never';
    const { target } = await readArmServers(
      { arm: { endpoint: azure.endpoint } },
      {
        subscriptionId: AZURE_SUBSCRIPTION,
        resourceGroupName: 'group',
        serverName: 'exampleserver',
        spec: {
          source: { host: 'a', port: 1, user: 'u', tls: { mode: 'prefer' } },
          target: { host: 'a', port: 1, user: 'u', tls: { mode: 'prefer' } },
        },
      } as unknown as Parameters<typeof readArmServers>[1],
      { timeLimitMs: 300 },
    );
    expect(target).toEqual({
      notChecked: expect.stringContaining('did not answer in time') as string,
    });
  },
);
