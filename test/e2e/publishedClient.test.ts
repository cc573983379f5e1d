import { PostgreSQLManagementFlexibleServerClient } from '@azure/arm-postgresql-flexible';
import { expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { differences } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import type { TestStack } from './support/testStack.ts';
import { waitFor } from './support/waitFor.ts';

const SUBSCRIPTION = '00000000-0000-0000-0000-000000000000';

let source: ThrowawayCluster;
let target: ThrowawayCluster;
let stack: TestStack;

useTestSite((site) => {
  ({ source, target, stack } = site);
});

it("Azure's published client drives a whole migration, unchanged", async () => {
  await source.createDatabase('published');
  await source.run('create table t (id int primary key); insert into t values (1)', 'published');
  const credential = { getToken: () => Promise.resolve({ token: 'none', expiresOnTimestamp: 0 }) };
  const client = new PostgreSQLManagementFlexibleServerClient(credential, SUBSCRIPTION, {
    endpoint: stack.url,
    allowInsecureConnection: true,
  });
  // Over plain HTTP it refuses to send tokens.
  client.pipeline.removePolicy({ name: 'bearerTokenAuthenticationPolicy' });
  const name = `published-${Date.now()}`;

  const available = await client.migrations.checkNameAvailability('group', 'server', {
    name,
    type: 'Microsoft.DBforPostgreSQL/flexibleServers/migrations',
  });
  expect(available.nameAvailable).toBe(true);
  const created = await client.migrations.create('group', 'server', name, {
    location: 'local',
    sourceDbServerResourceId: `127.0.0.1:${source.port}@postgres`,
    targetDbServerFullyQualifiedDomainName: `127.0.0.1:${target.port}`,
    migrationMode: 'Offline',
    migrationOption: 'ValidateAndMigrate',
    sourceType: 'OnPremises',
    dbsToMigrate: ['published'],
    secretParameters: {
      adminCredentials: { sourceServerPassword: 'a', targetServerPassword: 'b' },
      targetServerUsername: 'postgres',
    },
  });
  expect(created.currentStatus?.state).toBe('InProgress');
  const ended = await waitFor('the end of the migration', async () => {
    const migration = await client.migrations.get('group', 'server', name);
    const subState = migration.currentStatus?.currentSubStateDetails?.currentSubState;
    return subState === 'Completed' ? migration : undefined;
  });
  expect(ended.currentStatus?.state).toBe('Succeeded');
  const details = ended.currentStatus?.currentSubStateDetails;
  expect(details?.dbDetails?.['published']?.migrationState).toBe('Succeeded');
  expect(details?.validationDetails?.status).toBe('Succeeded');
  expect(await differences(source, target, 'published')).toEqual([]);
});
