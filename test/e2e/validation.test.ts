import { expect, it } from 'vitest';
import { testMigration } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import type { TestSite } from './support/testSite.ts';

let site: TestSite;

useTestSite(async (started) => {
  site = started;
  await site.target.run('create role weak login');
  await site.source.run('create role reader login; create role boss');
  await site.source.createDatabase('shop');
  await site.source.run(
    `create table hidden (a int); alter table hidden owner to boss;
     create cast (text as int) with inout; create sequence s;
     create extension postgres_fdw`,
    'shop',
  );
});

interface Report {
  status?: string;
  databases: { databaseName: string; status?: string }[];
  findings: { state: string; databaseName?: string; ruleId?: string; message: string }[];
}

it('says all that is wrong in one report, and neither waits nor begins', async () => {
  const { source, target, stack } = site;
  const migration = testMigration({
    stack,
    source,
    target,
    databases: ['shop', 'nowhere'],
    users: { source: 'reader', target: 'weak' },
    properties: { migrationOption: 'Validate', migrationMode: 'Online' },
  });
  await migration.put();
  const { currentStatus } = (await migration.ended()).properties;
  expect(currentStatus.state).toBe('ValidationFailed');
  const report = (await (
    await fetch(`${migration.url}/validation?api-version=2025-08-01`)
  ).json()) as Report;
  expect(report.status).toBe('Failed');
  const failed = report.findings.filter(({ state }) => state === 'Failed');
  expect(
    new Set(failed.map(({ databaseName = '', ruleId = '' }) => `${databaseName} ${ruleId}`)),
  ).toEqual(
    new Set([
      ' source-databases',
      ' target-databases',
      ' logical-replication',
      'shop tables-readable',
      'shop sequences-readable',
      'shop replica-identity',
      'shop user-casts',
      'nowhere server-reachable',
    ]),
  );
  const client = await source.connect();
  const { rows } = await client.query('select from pg_replication_slots');
  await client.end();
  expect(rows).toEqual([]);
});
