import { expect } from 'vitest';
import { trapsRoles, trapsSchema } from '../../fixtures/trapsSchema.ts';
import { differences, testMigration } from './migrations.ts';
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
