import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { TableClient } from '@azure/data-tables';
import { describe, expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { BANK_SQL, startBankLoad } from './support/bank.ts';
import { closeGate, GATED_TABLE_SQL } from './support/copyGate.ts';
import { differences, testMigration } from './support/migrations.ts';
import type { TestMigration } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import { OUTSIDE_URL } from './support/testStack.ts';
import type { TestStack } from './support/testStack.ts';

const OLD = '0.9';
const EARLIER = { AzureFunctionsJobHost__extensions__durableTask__defaultVersion: OLD };

let source: ThrowawayCluster;
let target: ThrowawayCluster;
let stack: TestStack;

useTestSite((site) => {
  ({ source, target, stack } = site);
});

interface HostFile {
  extensions: { durableTask: { defaultVersion: string } };
}

async function presentVersion(): Promise<string> {
  const text = await readFile(path.join(import.meta.dirname, '../../host.json'), 'utf8');
  return (JSON.parse(text) as HostFile).extensions.durableTask.defaultVersion;
}

/** The versions of all instances that belong to the migration, by the orchestrators' names. */
async function versionsOf(migration: TestMigration): Promise<Record<string, string[]>> {
  const id = String((await migration.get()).properties['migrationId']);
  const table = TableClient.fromConnectionString(stack.storage, 'pgmoveInstances', {
    allowInsecureConnection: true,
  });
  const found: Record<string, string[]> = {};
  type Row = { instanceId: string; name: string; version: string };
  for await (const { instanceId, name, version } of table.listEntities<Row>()) {
    if (!instanceId.startsWith(id)) continue;
    found[name] = [...new Set([...(found[name] ?? []), version])];
  }
  return found;
}

async function restartHost(settings?: NodeJS.ProcessEnv): Promise<void> {
  await stack.kill('host');
  await stack.start('host', settings);
}

describe.skipIf(OUTSIDE_URL !== undefined)('an upgrade of the running service', () => {
  it('ends what was started before it, under the version that it was started with', async () => {
    await source.createDatabase('shop');
    await source.run(BANK_SQL, 'shop');
    await source.createDatabase('gated');
    await source.run(GATED_TABLE_SQL, 'gated');
    await target.createDatabase('gated');
    const gate = await closeGate(target, 'gated');
    await restartHost(EARLIER);
    const load = startBankLoad(source, 'shop');
    const online = testMigration({
      stack,
      source,
      target,
      databases: ['shop'],
      properties: { migrationMode: 'Online' },
    });
    const offline = testMigration({
      stack,
      source,
      target,
      databases: ['gated'],
      properties: { verify: 'hash' },
    });
    await Promise.all([online.put(), offline.put()]);
    await Promise.all([online.waitForSubState('WaitingForCutoverTrigger'), gate.reached()]);

    await restartHost();
    await gate.open();
    await load.stop();
    await online.patch({ triggerCutover: 'True' });
    for (const migration of [online, offline]) {
      expect((await migration.ended()).properties.currentStatus).toMatchObject({
        state: 'Succeeded',
      });
    }
    expect(await differences(source, target, 'shop')).toEqual([]);
    expect(await differences(source, target, 'gated')).toEqual([]);
    const all = (version: string) => ({
      migrationOrchestrator: [version],
      databaseLane: [version],
      migrateDatabase: [version],
      copyLane: [version],
    });
    expect(await versionsOf(online)).toEqual(all(OLD));
    expect(await versionsOf(offline)).toEqual(all(OLD));

    const later = testMigration({
      stack,
      source,
      target,
      databases: ['gated'],
      properties: { targetDbNames: { gated: 'gated_again' } },
    });
    await later.put();
    expect((await later.ended()).properties.currentStatus).toMatchObject({ state: 'Succeeded' });
    expect(await versionsOf(later)).toEqual(all(await presentVersion()));
  });
});
