import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { root } from '../project/sources.ts';
import { BANK_SQL, startBankLoad } from './support/bank.ts';
import { differences, testMigration } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import type { TestSite } from './support/testSite.ts';
import { waitFor } from './support/waitFor.ts';

let site: TestSite;

const PASSWORDS = { sourceServerPassword: 'choose-one-1', targetServerPassword: 'choose-one-2' };

useTestSite(
  (started) => {
    site = started;
  },
  // Passwords are asked for, so that the ones of the document are used.
  {
    source: { hbaLines: ['host all pgmove_source 127.0.0.1/32 scram-sha-256'] },
    target: { hbaLines: ['host all pgmove_target 127.0.0.1/32 scram-sha-256'] },
  },
);

/** The statements that docs/security.md gives under this mark. */
function documented(mark: string): string {
  const text = readFileSync(path.join(root, 'docs/security.md'), 'utf8');
  const sql = text.split(`<!-- ${mark} -->`)[1]?.match(/^\s*```sql\n([^]*?)```/)?.[1];
  if (sql === undefined) throw new Error(`docs/security.md has no SQL under ${mark}.`);
  return sql;
}

beforeAll(async () => {
  await site.source.run(documented('source offline'));
  await site.target.run(documented('target'));
  await site.target.run(documented('target 15'));
});

/** A database that somebody else owns, as the source's user finds it. */
async function foreignDatabase(name: string): Promise<string> {
  await site.source.createDatabase(name);
  await site.source.run(BANK_SQL, name);
  await site.source.run(documented('source large objects'), name);
  return name;
}

function migrationOf(database: string, properties: Record<string, unknown> = {}) {
  const { source, target, stack } = site;
  return testMigration({
    stack,
    source,
    target,
    databases: [database],
    properties: {
      migrationOption: 'ValidateAndMigrate',
      sourceDbServerResourceId: `127.0.0.1:${source.port}@pgmove_source`,
      secretParameters: { adminCredentials: PASSWORDS, targetServerUsername: 'pgmove_target' },
      ...properties,
    },
  });
}

async function dataDifferences(database: string): Promise<string[]> {
  const found = await differences(site.source, site.target, database);
  return found.filter((text) => !/ownership|privileges|owner/.test(text));
}

it('offline with the users of docs/security.md', async () => {
  const database = await foreignDatabase('poor_offline');
  const migration = migrationOf(database, { verify: 'hash' });
  await migration.put();
  const { currentStatus } = (await migration.ended()).properties;
  expect(currentStatus.state, JSON.stringify(currentStatus)).toBe('Succeeded');
  expect(await dataDifferences(database)).toEqual([]);
});

it('online with them, under load, without owning anything', async () => {
  await site.source.run(documented('source online'));
  const database = await foreignDatabase('poor_online');
  const load = startBankLoad(site.source, database);
  const migration = migrationOf(database, { migrationMode: 'Online' });
  await migration.put();
  await migration.waitForSubState('WaitingForCutoverTrigger');
  await waitFor('some load', () => Promise.resolve(load.committed > 100));
  await load.stop();
  await migration.patch({ triggerCutover: 'True' });
  const { currentStatus } = (await migration.ended()).properties;
  expect(currentStatus.state, JSON.stringify(currentStatus)).toBe('Succeeded');
  expect(await dataDifferences(database)).toEqual([]);
});
