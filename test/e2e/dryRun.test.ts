import { expect, it } from 'vitest';
import { validationReportSchema } from '../../shared/api/validationReport.ts';
import { testMigration } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import type { TestSite } from './support/testSite.ts';

let site: TestSite;

useTestSite(async (started) => {
  site = started;
  await site.target.run('create role mover login createdb');
  await site.source.createDatabase('shop');
  await site.source.createDatabase('fine');
  await site.source.run('create role mover; create role seller; create role absent');
  await site.target.run('create role seller; grant seller to mover');
  await site.source.run(
    `create table t (id int primary key); create view v as table t;
     alter table t owner to seller; alter view v owner to mover; grant select on t to mover`,
    'fine',
  );
  await site.source.run(
    `create table t (id int primary key, n int references t);
     create index on t (n);
     create function raw() returns int language c as '$libdir/pg_prewarm', 'pg_prewarm';
     create view on_raw as select raw();
     create function other() returns int language sql as 'select 1';
     create function seen() returns event_trigger language plpgsql as 'begin end';
     create event trigger watch on ddl_command_end execute function seen();
     alter table t owner to seller; alter function other() owner to absent;
     alter view on_raw owner to mover; alter function raw() owner to mover;
     alter function seen() owner to mover; grant select on t to absent`,
    'shop',
  );
});

async function validated(properties: Record<string, unknown>) {
  const { source, target, stack } = site;
  const migration = testMigration({
    stack,
    source,
    target,
    databases: ['shop', 'fine'],
    users: { target: 'mover' },
    properties: { migrationOption: 'Validate', ...properties },
  });
  await migration.put();
  const { properties: properties_ } = await migration.ended();
  const answer = await fetch(`${migration.url}/validation?api-version=2025-08-01`);
  const report = validationReportSchema.parse(await answer.json());
  const ofDryRun = ({ ruleId }: { ruleId?: string }) => ruleId === 'schema-dry-run';
  return {
    state: properties_.currentStatus.state,
    findings: report.findings.filter(ofDryRun),
    notChecked: report.notChecked.filter(ofDryRun).map(({ reason }) => reason),
    rules: report.rules.filter(ofDryRun),
    databases: report.databases,
  };
}

it('names what would not be restored, with the reason, and leaves nothing behind', async () => {
  const { state, findings, notChecked, rules } = await validated({ dryRunSchema: 'True' });
  expect(state).toBe('ValidationFailed');
  const shown = findings.map((item) => `${item.databaseName} ${item.state}: ${item.message}`);
  expect(shown).toEqual([
    expect.stringMatching(/^shop Failed: FUNCTION public\.raw\(\) .*denied for language c/),
    expect.stringMatching(
      /^shop Warning: ownership of FUNCTION.*other.*role absent does not exist/,
    ),
    expect.stringMatching(/^shop Warning: privilege of .*role absent does not exist/),
    expect.stringMatching(/^shop Warning: eventTrigger of watch .*Only a superuser may create/),
  ]);
  expect(notChecked).toEqual([
    expect.stringMatching(/^Not tried: whether the rows fit/),
    expect.stringMatching(/^Not tried: whether the rows fit/),
  ]);
  expect(rules.map((rule) => [rule.databaseName, rule.state])).toEqual([
    ['shop', 'Failed'],
    ['fine', 'NotChecked'],
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
  const { findings, notChecked, databases } = await validated({ dryRunSchema: 'False' });
  expect(findings).toEqual([]);
  expect(notChecked).toHaveLength(2);
  expect(databases.map(({ estimate }) => estimate?.tableCount)).toEqual([1, 1]);
});

it('roles that migrateRoles will create are not held against the schema, nor taken as tried', async () => {
  await site.target.run('alter role mover createrole');
  const { findings, notChecked } = await validated({ dryRunSchema: 'True', migrateRoles: 'True' });
  expect(findings.filter(({ message }) => message.includes('absent'))).toEqual([]);
  expect(notChecked).toContainEqual(
    'Not tried: owners and privileges of the roles that migrateRoles creates (absent).',
  );
});
