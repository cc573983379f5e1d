import { TableClient } from '@azure/data-tables';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { runtimeIdOf, taskHubOf } from '../../shared/contracts/runtimes.ts';
import { BANK_SQL, startBankLoad } from './support/bank.ts';
import { differences, testMigration } from './support/migrations.ts';
import type { TestMigration } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import { OUTSIDE_URL } from './support/testStack.ts';
import type { TestGroup, TestStack } from './support/testStack.ts';
import { waitFor } from './support/waitFor.ts';

const GROUP = '/subscriptions/s/resourceGroups/g/flexibleServers/Site-B';

let source: ThrowawayCluster;
let target: ThrowawayCluster;
let stack: TestStack;

useTestSite((site) => {
  ({ source, target, stack } = site);
});

async function database(name: string): Promise<string> {
  await source.createDatabase(name);
  await source.run(BANK_SQL, name);
  return name;
}

function migrationOf(name: string | undefined, properties: Record<string, unknown>): TestMigration {
  return testMigration({
    stack,
    source,
    target,
    ...(name === undefined ? {} : { databases: [name] }),
    properties,
  });
}

/** The ids of all instances of a task hub. */
async function instancesOf(hub: string): Promise<string[]> {
  const table = TableClient.fromConnectionString(stack.storage, `${hub}Instances`, {
    allowInsecureConnection: true,
  });
  const ids: string[] = [];
  for await (const { instanceId } of table.listEntities<{ instanceId: string }>()) {
    ids.push(instanceId);
  }
  return ids;
}

/** Which deployments have the migration's orchestration; its id is the id of the first one. */
async function carriers(migration: TestMigration): Promise<{ front: boolean; group: boolean }> {
  const id = String((await migration.get()).properties['migrationId']);
  const isIn = async (hub: string) => (await instancesOf(hub)).includes(id);
  return { front: await isIn('pgmove'), group: await isIn(taskHubOf(runtimeIdOf(GROUP))) };
}

async function expectEqual(migration: TestMigration, name: string): Promise<void> {
  const { currentStatus } = (await migration.ended()).properties;
  expect(currentStatus).toMatchObject({ state: 'Succeeded' });
  expect(await differences(source, target, name)).toEqual([]);
}

describe.skipIf(OUTSIDE_URL !== undefined)('a worker group', () => {
  it('that nobody has registered is refused', async () => {
    const migration = migrationOf('any', { migrationInstanceResourceId: GROUP });
    await expect(migration.put()).rejects.toThrow(/"status":400.*There is no worker group.*Site-B/);
  });

  describe('beside the front', () => {
    let group: TestGroup;

    beforeAll(async () => {
      group = await stack.startGroup(GROUP);
    });
    afterAll(() => group.stop());

    it('carries a migration that names it, in any case, from one gate to the next', async () => {
      const name = await database('in_group');
      const migration = migrationOf(undefined, {
        migrationInstanceResourceId: GROUP.toUpperCase(),
      });
      await migration.put();
      await migration.waitForSubState('WaitingForDBsToMigrateSpecification');
      expect((await migration.patch({ dbsToMigrate: [name] })).status).toBe(200);
      await expectEqual(migration, name);
      expect(await carriers(migration)).toEqual({ front: false, group: true });
      expect(await group.wholeLog('replicator')).toContain('taking a snapshot');
      expect(await stack.wholeLog('replicator')).not.toContain('taking a snapshot');
      const { properties } = await migration.get();
      expect(properties['migrationInstanceResourceId']).toBe(GROUP.toUpperCase());
    });

    it('leaves to the front what names none, also when its own API is asked', async () => {
      const name = await database('at_front');
      const migration = testMigration({
        stack: { ...stack, url: group.url },
        source,
        target,
        databases: [name],
      });
      await migration.put();
      await expectEqual(migration, name);
      expect(await carriers(migration)).toEqual({ front: true, group: false });
      expect(await stack.wholeLog('replicator')).toContain('taking a snapshot');
    });

    it('replicates, and is told of the cutover, a cancel, a resume and the purge', async () => {
      const [moved, canceled] = [await database('moved'), await database('canceled')];
      const load = startBankLoad(source, moved);
      const migration = migrationOf(moved, {
        dbsToMigrate: [moved, canceled],
        migrationMode: 'Online',
        migrationRuntimeResourceId: GROUP,
      });
      await migration.put();
      await migration.waitForSubState('WaitingForCutoverTrigger');
      await migration.patch({ cancel: 'True', dbsToCancelMigrationOn: [canceled] });
      await load.stop();
      await migration.patch({ triggerCutover: 'True', dbsToTriggerCutoverOn: [moved] });
      await migration.ended();
      expect(await differences(source, target, moved)).toEqual([]);
      expect(await group.wholeLog('replicator')).toContain('creating the slot');
      expect(await stack.wholeLog('replicator')).not.toContain('creating the slot');
      expect((await migration.post('resume')).status).toBe(200);
      await migration.waitForSubState('WaitingForCutoverTrigger');
      await migration.patch({ cancel: 'True' });
      await migration.ended();
      expect((await migration.post('purge')).status).toBe(202);
      await waitFor('the migration to be gone', async () => {
        const { properties } = await migration.get();
        return properties === undefined;
      });
    });
  });
});
