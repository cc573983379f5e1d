import { expect } from 'vitest';
import { trapsRoles, trapsSchema } from '../../fixtures/trapsSchema.ts';
import { differences, testMigration } from './migrations.ts';
import { shuffleRows } from './shuffle.ts';
import type { TestSite } from './testSite.ts';

/** Migrates the schema that is full of traps, with its rows, and expects it to arrive equal. */
export async function expectTrapsToArrive(site: TestSite, serverVersion: number): Promise<void> {
  const { source, target } = site;
  for (const server of [source, target]) await server.run(await trapsRoles());
  await source.createDatabase('traps');
  await source.run(await trapsSchema({ serverVersion }), 'traps');
  const properties = { migrationOption: 'ValidateAndMigrate', verify: 'hash' };
  const migration = testMigration({ ...site, databases: ['traps'], properties });
  await migration.put();
  const { currentStatus } = (await migration.ended(300_000)).properties;
  expect(currentStatus, JSON.stringify(currentStatus)).toMatchObject({ state: 'Succeeded' });
  expect(await differences(source, target, 'traps')).toEqual([]);
}

/** The same online, with every row written anew while the target follows. */
export async function expectTrapsToFollow(site: TestSite, serverVersion: number): Promise<void> {
  const { source, target } = site;
  for (const server of [source, target]) await server.run(await trapsRoles());
  await source.createDatabase('traps');
  await source.run(await trapsSchema({ serverVersion }), 'traps');
  const properties = {
    migrationMode: 'Online',
    setReplicaIdentityFull: 'True',
    verify: 'hash',
  };
  const migration = testMigration({ ...site, databases: ['traps'], properties });
  await migration.put();
  await migration.waitForSubState('WaitingForCutoverTrigger');
  await shuffleRows(source, 'traps');
  await migration.patch({ triggerCutover: 'True' });
  const { currentStatus } = (await migration.ended(300_000)).properties;
  expect(currentStatus, JSON.stringify(currentStatus)).toMatchObject({ state: 'Succeeded' });
  expect(await differences(source, target, 'traps')).toEqual([]);
}
