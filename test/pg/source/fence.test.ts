import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { fence, readFenceBefore, unfence } from '../../../shared/pg/source/fence.ts';
import { startTestCluster } from '../copy/copyPair.ts';
import { makeDatabase, openSession } from './sourceCluster.ts';

let cluster: ThrowawayCluster;

beforeAll(async () => {
  cluster = await startTestCluster({ settings: { max_prepared_transactions: '5' } });
  await cluster.run(`create role owner_role login; create role app login; create role giver login;
    create role taken login; create role mover login; grant owner_role, pg_signal_backend to mover;
    grant pg_signal_backend to owner_role; create role weak_owner login;
    create role "odd Role" login`);
});

afterAll(() => cluster.stop());

const options = { signal: new AbortController().signal };
const NOW = '2026-01-01T00:00:00.000Z';

/** Who may do what on a database, whatever the order and however it is written. */
async function privileges(client: pg.Client, database: string): Promise<string[]> {
  const { rows } = await client.query<{ text: string }>(
    `select format('%s %s %s %s', x.grantor::regrole,
       case when x.grantee = 0 then 'PUBLIC' else x.grantee::regrole::text end,
       x.privilege_type, x.is_grantable) as text
     from pg_database d, lateral aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x
     where d.datname = $1 order by 1`,
    [database],
  );
  return rows.map(({ text }) => text);
}

async function readOnlySetting(client: pg.Client, database: string): Promise<string | undefined> {
  const { rows } = await client.query<{ setting: string }>(
    `select unnest(setconfig) as setting from pg_db_role_setting s
     join pg_database d on d.oid = s.setdatabase where d.datname = $1 and s.setrole = 0`,
    [database],
  );
  return rows.map(({ setting }) => setting).find((text) => text.startsWith('default_tr'));
}

function clientOf(database: string, user: string): pg.Client {
  const config = { host: '127.0.0.1', port: cluster.port, user, database, ssl: false };
  const client = new pg.Client({ ...config, password: '' });
  client.on('error', () => undefined);
  return client;
}

async function canConnect(database: string, user: string): Promise<boolean> {
  const client = clientOf(database, user);
  const isIn = await client.connect().then(
    () => true,
    () => false,
  );
  await client.end().catch(() => undefined);
  return isIn;
}

test('T70: a fenced database lets nobody in, ends who is in, and is as it was after', async () => {
  const admin = await cluster.connect();
  for (const user of ['mover', 'owner_role', 'postgres']) {
    const { database, client } = await makeDatabase(cluster, 'create table t (a int)');
    const name = pg.escapeIdentifier(database);
    await client.query(`alter database ${name} owner to owner_role;
      grant connect on database ${name} to giver with grant option;
      grant connect, temporary on database ${name} to "odd Role";
      revoke connect on database ${name} from public`);
    await client.query(`set role giver; grant connect on database ${name} to taken; reset role`);
    if (user === 'mover') await client.query(`grant connect on database ${name} to app`);
    if (user === 'postgres') {
      await client.query(`alter database ${name} set default_transaction_read_only = off;
        alter database ${name} set work_mem = '5MB'`);
    }
    const before = await privileges(admin, database);
    const setting = await readOnlySetting(admin, database);
    const writer = clientOf(database, 'taken');
    await writer.connect();
    await client.end();
    await using session = await openSession(cluster, database, user);
    await using sibling = await openSession(cluster, database, user);
    const stored = await readFenceBefore(session, NOW);
    const report = await fence(session, options);
    expect(report.endedSessions).toBeGreaterThan(0);
    expect(report.warnings.join(' ')).toMatch(user === 'postgres' ? /own user/ : /Superusers/);
    await expect(writer.query('select 1')).rejects.toThrow();
    await writer.end().catch(() => undefined);
    for (const other of ['taken', 'giver', 'app', 'odd Role', 'owner_role']) {
      expect([user, other, await canConnect(database, other)]).toEqual([
        user,
        other,
        other === user,
      ]);
    }
    // Our own sessions stay, and new ones come in.
    await sibling.query('select 1');
    expect(await canConnect(database, user)).toBe(true);
    expect(await readOnlySetting(admin, database)).toBe('default_transaction_read_only=on');
    await fence(session, options);
    const warnings = await unfence(session, JSON.parse(JSON.stringify(stored)) as typeof stored);
    const isSuperuser = user === 'postgres';
    // Only giver, or who may act as giver, can give on what giver gave.
    expect(warnings).toHaveLength(isSuperuser ? 0 : 1);
    const after = await privileges(admin, database);
    expect(after).toEqual(isSuperuser ? before : before.filter((item) => !item.includes('taken')));
    expect(await readOnlySetting(admin, database)).toBe(setting);
    await unfence(session, stored);
    expect(await privileges(admin, database)).toEqual(after);
  }
  await admin.end();
});

test('a database with the default privileges gets them back; a role that is gone is told', async () => {
  const { database, client } = await makeDatabase(cluster);
  const admin = await cluster.connect();
  const before = await privileges(admin, database);
  await using session = await openSession(cluster, database);
  const stored = await readFenceBefore(session, NOW);
  expect(stored).toEqual({ kind: 'fence', acl: null, readOnly: null, on: NOW });
  await fence(session, options);
  expect(await unfence(session, stored)).toEqual([]);
  expect(await privileges(admin, database)).toEqual(before);
  const acl = '{=Tc/postgres,postgres=CTc/postgres,"\\"no such\\"=c/postgres"}';
  expect(await unfence(session, { ...stored, acl })).toHaveLength(1);
  expect(await privileges(admin, database)).toEqual(before);
  await client.end().catch(() => undefined);
  await admin.end();
});

test('what somebody granted behind the fence stays', async () => {
  const { database, client } = await makeDatabase(cluster);
  const admin = await cluster.connect();
  await using session = await openSession(cluster, database);
  const stored = await readFenceBefore(session, NOW);
  await fence(session, options);
  await admin.query(`grant connect on database ${pg.escapeIdentifier(database)} to app`);
  await unfence(session, stored);
  expect(await privileges(admin, database)).toContain('postgres app CONNECT f');
  await client.end().catch(() => undefined);
  await admin.end();
});

test('without the rights of the owner nothing is changed and the error says whose they are', async () => {
  const { database, client } = await makeDatabase(cluster);
  const before = await privileges(client, database);
  await using session = await openSession(cluster, database, 'app');
  await expect(readFenceBefore(session, NOW)).rejects.toMatchObject({
    kind: 'permissionDenied',
    message: expect.stringContaining('Grant the role postgres') as string,
  });
  await expect(fence(session, options)).rejects.toMatchObject({ kind: 'permissionDenied' });
  expect(await privileges(client, database)).toEqual(before);
  await client.end();
});

test('sessions that may not be ended are an error that names their user', async () => {
  const { database, client } = await makeDatabase(cluster);
  await client.query(`alter database ${pg.escapeIdentifier(database)} owner to weak_owner`);
  const other = clientOf(database, 'app');
  await other.connect();
  await client.end();
  await using session = await openSession(cluster, database, 'weak_owner');
  const stored = await readFenceBefore(session, NOW);
  await expect(fence(session, options)).rejects.toMatchObject({
    kind: 'permissionDenied',
    message: expect.stringMatching(/\(of app\): grant pg_signal_backend/) as string,
  });
  await unfence(session, stored);
  expect(await canConnect(database, 'app')).toBe(true);
  await other.end();
});

test('the reader of a slot stays, prepared transactions are reported', async () => {
  const { database, client } = await makeDatabase(cluster, 'create table t (a int primary key)');
  await client.query("select pg_create_logical_replication_slot('fenced', 'test_decoding')");
  await client.query("begin; insert into t values (1); prepare transaction 'half done'");
  await client.end();
  // The driver's types know nothing of replication; its startup message does.
  const config = { port: cluster.port, host: '127.0.0.1', user: 'postgres', database, ssl: false };
  const reader = new pg.Client({ ...config, replication: 'database' } as pg.ClientConfig);
  reader.on('error', () => undefined);
  await reader.connect();
  reader.query('START_REPLICATION SLOT fenced LOGICAL 0/0').catch(() => undefined);
  await using session = await openSession(cluster, database);
  const isActive = async () =>
    (await session.query('select from pg_replication_slots where active_pid is not null'))
      .rowCount === 1;
  await expect.poll(isActive).toBe(true);
  const report = await fence(session, options);
  expect(report.preparedTransactions).toEqual(['half done']);
  expect(report.warnings.join(' ')).toMatch(/half done/);
  expect(await isActive()).toBe(true);
  await session.query("rollback prepared 'half done'");
  reader.end().catch(() => undefined);
  await session.query(
    'select pg_terminate_backend(active_pid) from pg_replication_slots where active',
  );
});

test('nobody who logs in at the very moment of the fence stays inside', async () => {
  const { database, client } = await makeDatabase(cluster);
  await client.end();
  await using session = await openSession(cluster, database);
  const stored = await readFenceBefore(session, NOW);
  const admin = await cluster.connect();
  for (let round = 0; round < 5; round += 1) {
    let isOver = false;
    const knocking = Array.from({ length: 6 }, async () => {
      const inside: pg.Client[] = [];
      while (!isOver) {
        const guest = clientOf(database, 'app');
        await guest.connect().then(
          () => inside.push(guest),
          () => undefined,
        );
      }
      return inside;
    });
    await fence(session, options);
    const { rows } = await admin.query<{ count: string }>(
      `select count(*) from pg_stat_activity where datname = $1 and usename = 'app'
         and state is not null`,
      [database],
    );
    isOver = true;
    const guests = (await Promise.all(knocking)).flat();
    expect(Number(rows[0]?.count)).toBe(0);
    for (const guest of guests) {
      await expect(guest.query('select 1')).rejects.toThrow();
      await guest.end().catch(() => undefined);
    }
    await unfence(session, stored);
  }
  await admin.end();
});
