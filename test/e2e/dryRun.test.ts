import { expect, it } from 'vitest';
import { testMigration } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import type { TestSite } from './support/testSite.ts';

let site: TestSite;

useTestSite(async (started) => {
  site = started;
  await site.target.run('create role mover login createdb');
  await site.source.createDatabase('shop');
  await site.source.createDatabase('fine');
  await site.source.run('create table t (id int primary key); create view v as table t', 'fine');
  await site.source.run(
    `create table t (id int primary key, n int references t);
     create index on t (n);
     create function raw() returns int language c as '$libdir/pg_prewarm', 'pg_prewarm';
     create view on_raw as select raw();
     create function other() returns int language sql as 'select 1'`,
    'shop',
  );
});

async function validated(dryRunSchema: string) {
  const { source, target, stack } = site;
  const migration = testMigration({
    stack,
    source,
    target,
    databases: ['shop', 'fine'],
    users: { target: 'mover' },
    properties: { migrationOption: 'Validate', dryRunSchema },
  });
  await migration.put();
  const { properties } = await migration.ended();
  const report = (await (
    await fetch(`${migration.url}/validation?api-version=2025-08-01`)
  ).json()) as {
    findings: { state: string; databaseName?: string; ruleId?: string; message: string }[];
    databases: { databaseName: string; estimate?: { tableCount: number } }[];
  };
  const findings = report.findings.filter(({ ruleId }) => ruleId === 'schema-dry-run');
  const { databases } = report;
  return { state: properties.currentStatus.state, findings, databases };
}

it('names what would not be restored, with the reason, and leaves nothing behind', async () => {
  const { state, findings } = await validated('True');
  expect(state).toBe('ValidationFailed');
  expect(findings).toEqual([
    expect.objectContaining({
      state: 'Failed',
      databaseName: 'shop',
      message: expect.stringMatching(
        /^FUNCTION public\.raw\(\) .*permission denied for language c/,
      ),
    }),
  ]);
  const client = await site.target.connect();
  const { rows } = await client.query('select datname from pg_database order by 1');
  await client.end();
  expect(rows.map((row: { datname: string }) => row.datname)).toEqual([
    'postgres',
    'template0',
    'template1',
  ]);
});

it('tries nothing unless it is allowed', async () => {
  const { findings, databases } = await validated('False');
  expect(findings).toEqual([]);
  expect(databases.map(({ estimate }) => estimate?.tableCount)).toEqual([1, 1]);
});
