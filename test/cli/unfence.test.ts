import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runProgram } from '../../cli/program.ts';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { connect } from '../../shared/pg/connect.ts';
import { parseConnectionUri } from '../../shared/pg/connectionUri.ts';
import { fence, readFenceBefore } from '../../shared/pg/source/fence.ts';

let cluster: ThrowawayCluster;
let admin: pg.Client;

beforeAll(async () => {
  cluster = await startThrowawayCluster();
  await cluster.createDatabase('shop');
  admin = await cluster.connect();
  await cluster.run('create role mover login; alter database shop owner to mover');
  await cluster.run('create role somebody login; grant pg_signal_backend to mover');
});

afterAll(async () => {
  await admin?.end();
  await cluster?.stop();
});

/** Closes the database as a cutover does, and answers what was there before. */
async function close(): Promise<{ acl: string | null; readOnly: string | null }> {
  const session = await connect(await parseConnectionUri(cluster.uri('shop', 'mover'), {}), {
    applicationName: 'pgmove/test/fence',
  });
  try {
    const before = await readFenceBefore(session, new Date().toISOString());
    await fence(session, { signal: new AbortController().signal });
    return before;
  } finally {
    await session.close();
  }
}

async function mayWrite(): Promise<boolean> {
  const { rows } = await admin.query<{ may: boolean }>(
    `select has_database_privilege('somebody', 'shop', 'connect')
       and not exists (select from pg_db_role_setting) as may`,
  );
  return rows[0]?.may ?? false;
}

async function unfence(...more: string[]): Promise<number> {
  return runProgram([
    'node',
    'pgmove',
    'source',
    'unfence',
    '--source',
    cluster.uri('shop', 'mover'),
    ...more,
  ]);
}

test('a database that a cutover has closed is opened again, without a superuser', async () => {
  expect(await close()).toMatchObject({ acl: null, readOnly: null });
  expect(await mayWrite()).toBe(false);
  expect(await unfence()).toBe(0);
  expect(await mayWrite()).toBe(true);
});

test('the access list that is given comes back, and no other', async () => {
  await cluster.run(
    'revoke all on database shop from public; grant connect on database shop to somebody',
  );
  const { acl } = await close();
  expect(await unfence('--acl', acl ?? '')).toBe(0);
  const { rows } = await admin.query<{ somebody: boolean; everybody: boolean }>(
    `select has_database_privilege('somebody', 'shop', 'connect') as somebody,
            has_database_privilege('public', 'shop', 'connect') as everybody`,
  );
  expect(rows).toEqual([{ somebody: true, everybody: false }]);
});
