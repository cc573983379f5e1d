import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestCluster } from '../pg/copy/copyPair.ts';
import { connect } from '../../shared/pg/connect.ts';
import { connectionFinding } from '../../shared/checks/connectionFailure.ts';
import type { ArmReading, ArmServer } from '../../shared/checks/armServer.ts';
import { RESOURCE_RULES } from '../../shared/checks/registry.ts';
import { runRules } from '../../shared/checks/runRules.ts';
import { versionProblem } from '../../shared/checks/serverVersions.ts';
import type { ServerRuleContext } from '../../shared/checks/rule.ts';
import {
  applyRemedies,
  checkServers,
  newDatabase,
  ONLINE,
  SPEC,
  uncheckedServers,
} from './support/ruleBench.ts';
import type { Bench, Users } from './support/ruleBench.ts';
import { endpointOf } from '../pg/copy/copyPair.ts';

let bench: Bench;

beforeAll(async () => {
  const [source, target] = await Promise.all([
    startTestCluster({ settings: { max_connections: '20', wal_level: 'replica' } }),
    startTestCluster({ settings: { max_connections: '20' } }),
  ]);
  bench = { source, target };
});
afterAll(() => Promise.all([bench.source.stop(), bench.target.stop()]));

/** The rule fails with the message, and has nothing to say once its remedy was applied. */
async function failsUntilCured(
  rule: string,
  message: RegExp,
  options: Users & Partial<ServerRuleContext> & { databases: readonly string[] },
  state = 'Failed',
  restart?: 'source' | 'target',
): Promise<void> {
  const look = async () =>
    (await checkServers(bench, options.databases, { ...options, rule }))[rule];
  const found = await look();
  expect(found).toMatchObject([{ state, message: expect.stringMatching(message) as string }]);
  await applyRemedies(bench, 'postgres', found ?? []);
  if (restart !== undefined) {
    await bench[restart].halt();
    await bench[restart].start();
  }
  expect(await look()).toBeUndefined();
}

test('two plain servers have no findings', async () => {
  const database = await newDatabase(bench.source);
  expect(await checkServers(bench, [database])).toEqual({});
});

test('target-databases: the right to create, to fill and to drop databases', async () => {
  await bench.target.run('create role weak login');
  const targetUser = 'weak';
  await failsUntilCured(
    'target-databases',
    /^target-databases \(603115\): weak may not create databases on the target, and fresh are/,
    { databases: ['fresh'], targetUser },
  );
  const there = await newDatabase(bench.target);
  await failsUntilCured(
    'target-databases',
    /^target-databases \(603117\): weak does not own checks \d+ on the target, and may not create ev/,
    { databases: [there], targetUser },
  );
  const lent = await newDatabase(bench.target);
  await bench.target.run(`grant create on database "${lent}" to weak`);
  await failsUntilCured(
    'target-databases',
    /does not own checks \d+ on the target/,
    { databases: [lent], targetUser },
    'Warning',
  );
  const other = await newDatabase(bench.target);
  await failsUntilCured(
    'target-databases',
    /^target-databases \(603117\): .* and may not drop them/,
    { databases: [other], targetUser, isOverwriteWanted: true },
  );
});

test('target-sessions: those of others are to be ended', async () => {
  await bench.target.run('create role ender login createdb');
  const database = await newDatabase(bench.target);
  const client = await bench.target.connect(database);
  try {
    await failsUntilCured(
      'target-sessions',
      /^target-sessions \(603111\): ender may not end sessions .*; now there are 1\./,
      { databases: [database], targetUser: 'ender', isOverwriteWanted: true },
    );
  } finally {
    await client.end();
  }
});

test('create-roles: only where roles are to be migrated', async () => {
  await bench.target.run('create role plain login');
  await failsUntilCured('create-roles', /^create-roles \(603116\): plain may not create roles/, {
    databases: [],
    targetUser: 'plain',
    spec: { ...SPEC, migrateRoles: true },
  });
});

test('source-databases: missing ones, and those that are closed to the user', async () => {
  await bench.source.run('create role guest login');
  const database = await newDatabase(bench.source);
  await bench.source.run(`revoke connect on database "${database}" from public`);
  const found = await checkServers(bench, ['nowhere'], { rule: 'source-databases' });
  expect(found['source-databases']).toEqual([
    {
      state: 'Failed',
      message:
        'source-databases (603102): Databases that are not on the source: nowhere. Check dbsToMigrate.',
    },
  ]);
  await failsUntilCured(
    'source-databases',
    /^source-databases \(603110\): The source's user may not connect to checks \d+\./,
    { databases: [database], sourceUser: 'guest' },
  );
});

test('database-names: reserved, too long after mapping, and doubled', async () => {
  const long = 'ä'.repeat(32);
  const spec = { ...SPEC, targetDbNames: { a: long, b: 'x', c: 'x' } };
  const databases = ['azure_sys', 'a', 'b', 'c'];
  const found = await checkServers(bench, databases, { rule: 'database-names', spec });
  expect(found['database-names']?.map(({ message }) => message)).toEqual([
    expect.stringMatching(/cannot be migrated: azure_sys\. Leave/),
    expect.stringMatching(new RegExp(`longer than 63 bytes: ${long}`)),
    expect.stringMatching(/one name on the target: x\./),
  ]);
  const cured = { ...SPEC, targetDbNames: { a: long.slice(1), b: 'x', c: 'y' } };
  expect(
    await checkServers(bench, ['a', 'b', 'c'], { rule: 'database-names', spec: cured }),
  ).toEqual({});
});

test('same-server: a database would be copied onto one of the source', async () => {
  const one = { source: bench.source, target: bench.source };
  const check = (targetDbNames: Record<string, string>) =>
    checkServers(one, ['a'], { rule: 'same-server', spec: { ...SPEC, targetDbNames } });
  expect((await check({}))['same-server']).toMatchObject([{ state: 'Failed' }]);
  expect(await check({ a: 'b' })).toEqual({});
});

test('free-connections: the limits of the server and of the user against the jobs', async () => {
  await bench.source.run('create role few login connection limit 3');
  const spec = { ...SPEC, jobs: 4 };
  await failsUntilCured(
    'free-connections',
    /few may have 3 connections to the source, uses 0 already, and the migration up to 8\./,
    { databases: ['a'], sourceUser: 'few', spec },
    'Warning',
  );
  const many = () =>
    checkServers(bench, ['a'], { rule: 'free-connections', spec: { ...SPEC, jobs: 18 } });
  const { 'free-connections': connections = [] } = await many();
  expect(connections.map(({ message }) => message)).toEqual([
    expect.stringMatching(
      /^free-connections: The source has \d+ free connections of 20, .* up to 22\./,
    ),
    expect.stringMatching(
      /^free-connections: The target has \d+ free connections of 20, .* up to 22\./,
    ),
  ]);
  await applyRemedies(bench, 'postgres', connections);
  for (const cluster of [bench.source, bench.target]) {
    await cluster.halt();
    await cluster.start();
  }
  expect(await many()).toEqual({});
});

test('logical-replication: wal_level, and what ALTER SYSTEM and a restart make of it', async () => {
  await failsUntilCured(
    'logical-replication',
    /^logical-replication: wal_level of the source is replica, it must be logical \(603107\)/,
    { databases: ['a'], spec: ONLINE },
    'Failed',
    'source',
  );
});

test('target-storage: the size that is given, less what is on the target', async () => {
  const database = await newDatabase(bench.source);
  const check = (targetStorageMb: number, options: Partial<ServerRuleContext> = {}) =>
    checkServers(bench, [database], {
      rule: 'target-storage',
      spec: { ...SPEC, targetStorageMb },
      ...options,
    });
  const { 'target-storage': found = [] } = await check(1);
  expect(found).toMatchObject([
    {
      state: 'Failed',
      message: expect.stringMatching(
        /has 1 MB of storage, of which 0 MB are free; the databases have \d+ MB.* advised/,
      ) as string,
    },
  ]);
  // The remedy, word for word.
  const wanted = Number(/storage to (\d+) MB/.exec(found[0]?.message ?? '')?.[1]);
  expect(await check(wanted)).toEqual({});
  expect(await check(wanted - 1)).toMatchObject({ 'target-storage': [{ state: 'Warning' }] });
  const growing = { server: { name: 'grows', storageMb: 1, growsByItself: true } };
  expect(
    await checkServers(bench, [database], { rule: 'target-storage', targetResource: growing }),
  ).toMatchObject({ 'target-storage': [{ state: 'Warning' }] });
});

test('target-storage: unknown is not passed in silence, nor are sizes that may not be seen', async () => {
  const database = await newDatabase(bench.source);
  const closed = await newDatabase(bench.target);
  await bench.target.run(
    `create role sizer login; revoke connect on database "${closed}" from public`,
  );
  const look = (options: Partial<ServerRuleContext> & Users) =>
    uncheckedServers(bench, [database], { rule: 'target-storage', ...options });
  expect(await look({ targetResource: { notChecked: 'Nobody knows.' } })).toEqual([
    expect.stringMatching(/^Nobody knows\. The databases have \d+ MB, and \d+ MB of free space/),
  ]);
  expect(await look({ spec: { ...SPEC, targetStorageMb: 9e6 }, targetUser: 'sizer' })).toEqual([
    expect.stringContaining(closed),
  ]);
});

test.each<[rule: string, state: string, bad: ArmServer, good: ArmServer, message: RegExp]>([
  [
    'target-tier',
    'Warning',
    { name: 's', sku: { name: 'Standard_B2s', tier: 'Burstable' } },
    { name: 's', sku: { name: 'Standard_D4ds_v5', tier: 'GeneralPurpose' } },
    /^target-tier: s is Burstable \(Standard_B2s\).*--tier GeneralPurpose/,
  ],
  [
    'target-high-availability',
    'Warning',
    { name: 's', highAvailability: 'ZoneRedundant', replicaCount: 0 },
    { name: 's', highAvailability: 'Disabled', replicaCount: 0 },
    /High availability of s is on \(ZoneRedundant\)/,
  ],
  [
    'target-high-availability',
    'Warning',
    { name: 's', highAvailability: 'Disabled', replicaCount: 2 },
    { name: 's', highAvailability: 'Disabled', replicaCount: 0 },
    /s has 2 read replicas/,
  ],
  [
    'target-state',
    'Failed',
    { name: 's', state: 'Stopped' },
    { name: 's', state: 'Ready' },
    /s is Stopped\. Start it/,
  ],
  [
    'target-state',
    'Warning',
    { name: 's', state: 'Updating' },
    { name: 's', state: 'Ready' },
    /s is Updating\. Wait/,
  ],
  [
    'target-region',
    'Warning',
    { name: 's', location: 'East US' },
    { name: 's', location: 'West Europe' },
    /source is in westeurope, the target in East US/,
  ],
])('%s: %s', async (rule, state, bad, good, message) => {
  const look = (target: ArmReading) =>
    runRules(
      RESOURCE_RULES.filter(({ id }) => id === rule),
      {
        spec: SPEC,
        sourceResource: { server: { name: 'from', location: 'westeurope' } },
        targetResource: target,
      },
    );
  expect(await look({ server: bad })).toMatchObject([
    { findings: [{ state, message: expect.stringMatching(message) as string }], notChecked: [] },
  ]);
  expect(await look({ server: good })).toMatchObject([{ findings: [], notChecked: [] }]);
  expect(await look({ notChecked: 'No.' })).toMatchObject([{ findings: [], notChecked: ['No.'] }]);
  // What Azure leaves out is not passed either.
  expect(await look({ server: { name: 's' } })).toMatchObject([
    { findings: [], notChecked: [expect.stringMatching(/^Azure did not tell/)] },
  ]);
});

test('server-versions: what no migration goes between', async () => {
  const problem = (from: number, to: number) =>
    versionProblem({ serverVersion: from }, { serverVersion: to });
  expect(await problem(90400, 150000)).toMatch(/603400/);
  expect(await problem(150000, 140000)).toMatch(/older than the source/);
  expect(await problem(90600, 100000)).toMatch(/11 is the oldest/);
  expect(await problem(990000, 990000)).toMatch(/pg_dump in .* is of version/);
  expect(await problem(150000, 150000)).toBeUndefined();
});

test('server-reachable: TLS, network and login are findings with their codes', async () => {
  const { target } = bench;
  const failure = async (change: object) => {
    const endpoint = { ...endpointOf(target, 'postgres'), ...change };
    const error: unknown = await connect(endpoint, { applicationName: 'pgmove/test' }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    return connectionFinding('target', error).message;
  };
  expect(await failure({ port: 1 })).toMatch(/^server-reachable \(603000\): The target cannot be/);
  expect(await failure({ tls: { mode: 'require' } })).toMatch(
    /^server-reachable \(603001\): .*sslMode/,
  );
  expect(await failure({ user: 'nobody here' })).toMatch(
    /^server-reachable \(603100\): .*password/,
  );
});
