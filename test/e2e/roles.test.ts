import { expect, it } from 'vitest';
import { differences, testMigration } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import type { TestSite } from './support/testSite.ts';

let site: TestSite;

useTestSite(async (started) => {
  site = started;
  await site.target.run('create role mover login createrole createdb');
  await site.source.run(`
    create role shop_owner login password 'Zauber' valid until '2031-02-03 04:05:06+00';
    create role shop_readers;
    create role shop_reader login in role shop_readers;
    create role shop_boss superuser`);
  for (const database of ['shop', 'store']) {
    await site.source.run(`create database ${database} owner shop_owner`);
    await site.source.run(
      `set role shop_owner;
       create schema sales;
       create table sales.orders (id int primary key, total numeric);
       insert into sales.orders select n, n * 2 from generate_series(1, 100) as n;
       grant usage on schema sales to shop_readers;
       grant select on sales.orders to shop_readers`,
      database,
    );
  }
});

interface Access {
  owner: string;
  may: boolean;
  hasHash: boolean;
}

async function accessOn(database: string): Promise<Access | undefined> {
  const client = await site.target.connect(database);
  try {
    const { rows } = await client.query<Access>(
      `select relowner::regrole::text as owner,
         has_schema_privilege('shop_reader', 'sales', 'usage')
           and has_table_privilege('shop_reader', oid, 'select') as may,
         (select rolpassword ~ '^SCRAM' from pg_authid where rolname = 'shop_owner') as "hasHash"
       from pg_class where oid = 'sales.orders'::regclass`,
    );
    return rows[0];
  } finally {
    await client.end();
  }
}

it('owners and grants arrive with the roles, for a user that is no superuser too', async () => {
  const { source, target, stack } = site;
  const migration = testMigration({
    stack,
    source,
    target,
    databases: ['shop', 'store'],
    users: { target: 'mover' },
    properties: { migrateRoles: 'True', migrationOption: 'ValidateAndMigrate' },
  });
  await migration.put();
  const { currentStatus, notCarried } = (await migration.ended()).properties;
  expect(currentStatus.state, JSON.stringify(currentStatus)).toBe('Succeeded');
  for (const database of ['shop', 'store']) {
    expect(await accessOn(database)).toEqual({ owner: 'shop_owner', may: true, hasHash: true });
    expect(await differences(source, target, database)).toEqual([]);
  }
  // Roles are no database's own.
  const told = JSON.stringify(notCarried);
  expect(told).toMatch(/shop_boss[^}]*may not give SUPERUSER/);
  expect(told).not.toMatch(/SCRAM|member of/);
  expect(JSON.stringify(currentStatus.currentSubStateDetails.dbDetails)).not.toContain('shop_boss');
  const report = await fetch(`${migration.url}/report?api-version=2025-08-01`);
  expect(JSON.stringify(await report.json())).toContain('may not give SUPERUSER');
  expect(await membershipsOf('mover')).toEqual([]);
});

/** Roles that a user of the target is a member of. */
async function membershipsOf(user: string): Promise<string[]> {
  const client = await site.target.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      'select roleid::regrole::text as name from pg_auth_members where member = $1::regrole order by 1',
      [user],
    );
    return rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

it('a migration that failed keeps the memberships for its resume, and says so', async () => {
  const { source, target, stack } = site;
  await source.run('create role late_owner');
  await source.run('create database broken owner late_owner');
  await source.run(
    `set role late_owner; create schema s; create table s.t (a int); insert into s.t values (1);
     reset role; create function s.f() returns int language c as '$libdir/pg_prewarm', 'pg_prewarm'`,
    'broken',
  );
  const migration = testMigration({
    stack,
    source,
    target,
    databases: ['broken'],
    users: { target: 'mover' },
    properties: { migrateRoles: 'True' },
  });
  await migration.put();
  const failed = (await migration.ended()).properties;
  expect(failed.currentStatus.state).toBe('Failed');
  expect(await membershipsOf('mover')).toEqual(['late_owner']);
  expect(JSON.stringify(failed['notCarried'])).toMatch(/late_owner.*stays a member of the role/);
  await source.run('drop function s.f()', 'broken');
  expect((await migration.post('resume')).status).toBeLessThan(300);
  const ended = await migration.ended();
  expect(ended.properties.currentStatus.state).toBe('Succeeded');
  expect(await membershipsOf('mover')).toEqual([]);
  expect(JSON.stringify(ended.properties['notCarried'])).not.toMatch(/a member of the role/);
});

it('without them the migration is as it was', async () => {
  const { source, target, stack } = site;
  await source.run('create role later');
  await source.run('create database plain owner later');
  const migration = testMigration({ stack, source, target, databases: ['plain'] });
  await migration.put();
  expect((await migration.ended()).properties.currentStatus.state).toBe('Succeeded');
  const client = await target.connect('plain');
  const { rows } = await client.query("select from pg_roles where rolname = 'later'");
  await client.end();
  expect(rows).toEqual([]);
});
