import { afterEach, describe, expect, test } from 'vitest';
import { embeddedBinaries } from '../../../scripts/postgres/serverBinaries.ts';
import type { EmbeddedMajor } from '../../../scripts/postgres/serverBinaries.ts';
import { startThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { dumpRoles } from '../../../shared/pg/roles/dumpRoles.ts';
import { leaveRoles, reportMemberships } from '../../../shared/pg/roles/leaveRoles.ts';
import { parseRoles } from '../../../shared/pg/roles/parseRoles.ts';
import { restoreRoles } from '../../../shared/pg/roles/restoreRoles.ts';
import { endpointOf, open } from '../schema/migrateSchema.ts';

const ROLES = `
  create role app login password 'Zauber' connection limit 7 valid until '2031-02-03 04:05:06+00';
  create role "Odd ""Role"", it's" createdb noinherit;
  create role boss superuser login createrole;
  create role replica replication login bypassrls;
  create role readers;
  create role rds_superuser;
  create role azure_pg_admin;
  grant readers to app with admin option;
  grant readers to "Odd ""Role"", it's";
  grant rds_superuser to app;
  grant pg_monitor to app;
  alter role app set work_mem to '7MB';
  alter role app set search_path to 'a b', "$user", public;
  alter role readers set log_statement to 'none';
  comment on role app is 'it''s
the ; app';
`;

const STATE = `select jsonb_agg(x order by x) as state from (
  select pg_catalog.to_jsonb(r) - 'oid' - 'rolpassword' as x from pg_catalog.pg_roles as r
    where rolname !~ '^pg_' and rolname not in ('rds_superuser', 'azure_pg_admin')
  union all select pg_catalog.jsonb_build_array(rolname, rolpassword) from pg_catalog.pg_authid
    where rolname = 'app'
  union all select pg_catalog.jsonb_build_array(roleid::regrole, member::regrole, admin_option)
    from pg_catalog.pg_auth_members where member::regrole::text !~ '^pg_'
      and roleid::regrole::text not in ('rds_superuser')
  union all select to_jsonb(pg_catalog.shobj_description(oid, 'pg_authid')) from pg_catalog.pg_roles
    where rolname = 'app') as all_of_it`;

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

async function cluster(major: EmbeddedMajor | 15): Promise<ThrowawayCluster> {
  const started = await startThrowawayCluster(
    major === 15 ? {} : { binaries: await embeddedBinaries(major) },
  );
  stops.push(() => started.stop());
  return started;
}

async function state(of: ThrowawayCluster): Promise<unknown> {
  await using session = await open(endpointOf(of, 'postgres'));
  return (await session.query<{ state: unknown }>(STATE)).rows[0]?.state;
}

async function move(
  from: ThrowawayCluster,
  to: ThrowawayCluster,
  users: { source?: string; target?: string } = {},
) {
  const endpoint = endpointOf(from, 'postgres', users.source);
  await using source = await open(endpoint);
  await using target = await open(endpointOf(to, 'postgres', users.target));
  const dumped = await dumpRoles(endpoint, source, { applicationName: 'pgmove/test' });
  return await restoreRoles(target, dumped);
}

describe.each([
  [10, 12],
  [15, 15],
  [12, 18],
] as const)('from %i to %i', (from, to) => {
  test('roles arrive as they are, and again nothing happens', async () => {
    const [source, target] = await Promise.all([cluster(from), cluster(to)]);
    await source.run(ROLES);
    const moved = await move(source, target);
    expect(moved.created.toSorted()).toEqual(
      ['Odd "Role", it\'s', 'app', 'boss', 'readers', 'replica'].toSorted(),
    );
    const carried = JSON.stringify(moved.notCarried);
    expect(carried).toContain('There is no role rds_superuser on the target');
    expect(carried).not.toMatch(/md5|SCRAM/);
    expect(await state(target)).toEqual(await state(source));
    const again = await move(source, target);
    expect(again.created).toEqual([]);
    expect(again.notCarried.filter(({ objects }) => objects.includes('app'))).toEqual([]);
    expect(await state(target)).toEqual(await state(source));
  });
});

describe.each([15, 18] as const)('to a user of %i that is no superuser', (major) => {
  test('what may not be given is told; objects can be given to the roles', async () => {
    const [source, target] = await Promise.all([cluster(15), cluster(major)]);
    await source.run(`${ROLES} create role plain login; create role there login;`);
    await target.run('create role mover login createrole createdb; create role there nologin');
    const moved = await move(source, target, { source: 'plain', target: 'mover' });
    const reasons = moved.notCarried.map(({ reason, objects }) => `${objects.join()}: ${reason}`);
    expect(reasons).toContainEqual(expect.stringMatching(/boss: .*may not give SUPERUSER/));
    expect(reasons).toContainEqual(expect.stringMatching(/replica: .*may not give REPLICATION/));
    expect(reasons).toContainEqual(expect.stringMatching(/app.*may not read passwords/));
    expect(reasons).toContainEqual(expect.stringMatching(/there: .*kept.*it has LOGIN/));
    expect(moved.kept).toEqual(['postgres', 'there']);
    await using target_ = await open(endpointOf(target, 'postgres', 'mover'));
    await target_.query('begin; set local role app; rollback');
    await target_.query('create database given owner readers');
    expect(await reportMemberships(target_, moved.created)).toMatchObject([
      { reason: expect.stringMatching(/stays a member.*revoke/) as string, count: 1 },
      ...moved.created.slice(1).map(() => ({ count: 1 })),
    ]);
    expect(await leaveRoles(target_, moved.created)).toEqual([]);
    expect(await reportMemberships(target_, moved.created)).toEqual([]);
    await expect(target_.query('set role app')).rejects.toThrow(/permission denied/);
  });
});

test('a user that may create no roles is refused before anything is done', async () => {
  const [source, target] = await Promise.all([cluster(15), cluster(15)]);
  await source.run('create role app');
  await target.run('create role weak login');
  await expect(move(source, target, { target: 'weak' })).rejects.toThrow(/603116.*createrole/);
  await target.run('create role app');
  expect((await move(source, target, { target: 'weak' })).created).toEqual([]);
});

test('reads the memberships of every version', () => {
  const { memberships } = parseRoles(`\\restrict abc
GRANT "a" TO "b" WITH ADMIN OPTION, INHERIT FALSE, SET TRUE GRANTED BY "SET";
GRANT "a" TO "c" WITH INHERIT TRUE GRANTED BY "x";
GRANT "a" TO "d";
\\unrestrict abc`);
  expect(memberships).toEqual([
    { role: 'a', member: 'b', admin: true, inherit: false, set: true },
    { role: 'a', member: 'c', admin: false, inherit: true },
    { role: 'a', member: 'd', admin: false },
  ]);
});
