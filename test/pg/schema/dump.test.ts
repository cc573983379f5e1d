import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { embeddedBinaries } from '../../../scripts/postgres/serverBinaries.ts';
import { startThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { createControlSchema } from '../../../shared/pg/copy/control.ts';
import { dumpSchema } from '../../../shared/pg/schema/dump.ts';
import { restoreEventTriggers } from '../../../shared/pg/schema/eventTriggers.ts';
import { restorePostData } from '../../../shared/pg/schema/postData.ts';
import { restorePreData } from '../../../shared/pg/schema/preData.ts';
import { endpointOf, open, planOf } from './migrateSchema.ts';

let source: ThrowawayCluster;

beforeAll(async () => {
  source = await startThrowawayCluster({
    hbaLines: ['host all asker 127.0.0.1/32 scram-sha-256'],
  });
});

afterAll(() => source?.stop());

const options = { archivePath: '/dev/null', applicationName: 'pgmove/test/dump' };

describe('dumpSchema', () => {
  it('T54: refuses a source that is newer than pg_dump, naming both versions and the remedy', async () => {
    await using newer = await startThrowawayCluster({ binaries: await embeddedBinaries(18) });
    await expect(dumpSchema(endpointOf(newer, 'postgres'), options)).rejects.toMatchObject({
      kind: 'versionUnsupported',
      message: expect.stringMatching(/PostgreSQL 18.*version 15.*PG_BIN_DIR/s),
    });
  });

  it('reads a database whose name is a connection string, by a user with a password', async () => {
    const name = `host=elsewhere dbname='x' "y"`;
    await source.createDatabase(name);
    await source.run(`create role asker login password 'p''w d'; alter role asker superuser`);
    await source.run('create table t (id int primary key)', name);
    const asker = { ...endpointOf(source, name, 'asker'), password: async () => "p'w d" };
    const plan = await planOf(asker);
    expect(plan.owners.map((item) => item.object)).toEqual(['table "public"."t"']);
    expect(plan.database.name).toBe(name);
    await expect(planOf({ ...asker, password: 'wrong' })).rejects.toMatchObject({
      kind: 'authenticationFailed',
    });
  });

  it('says that the snapshot is lost, that a table may not be read, that the file cannot be written', async () => {
    await source.run('create role weak login; create table secret (id int)');
    const endpoint = endpointOf(source, 'postgres');
    const snapshot = '00000003-0000001B-1';
    await expect(dumpSchema(endpoint, { ...options, snapshot })).rejects.toMatchObject({
      kind: 'snapshotLost',
    });
    await expect(dumpSchema({ ...endpoint, user: 'weak' }, options)).rejects.toMatchObject({
      kind: 'permissionDenied',
      message: expect.stringContaining('secret'),
    });
    // libpq's options reach pg_dump too: as another role the same login may read it.
    await source.run('create role strong superuser; grant strong to weak');
    const plan = await planOf({ ...endpoint, user: 'weak', options: '-c role=strong' });
    expect(plan.owners.map((item) => item.object)).toContain('table "public"."secret"');
    const archivePath = '/nonexistent/archive';
    await expect(dumpSchema(endpoint, { ...options, archivePath })).rejects.toMatchObject({
      kind: 'toolFailed',
    });
  });
});

describe('what a user without rights cannot have', () => {
  it('is left out and reported: publications, policies of missing roles, event triggers', async () => {
    await source.createDatabase('rights');
    await source.run(
      `create role absent; create table t (id int); alter table t enable row level security;
       create policy for_absent on t to absent using (true); comment on policy for_absent on t is 'x';
       create publication p for table t; create publication everything for all tables;
       create function f() returns event_trigger language plpgsql as 'begin end';
       create event trigger e on ddl_command_end execute function f();
       comment on event trigger e is 'x'`,
      'rights',
    );
    const plan = await planOf(endpointOf(source, 'rights'));
    await using target = await startThrowawayCluster();
    await target.run('create role mover login createdb');
    await target.run('create database rights owner mover');
    const endpoint = endpointOf(target, 'rights', 'mover');
    await using session = await open(endpoint);
    await createControlSchema(session, { migrationId: 'test', database: 'rights' });
    expect(await restorePreData(session, plan, { generation: 1 })).toEqual([]);
    const post = await restorePostData(() => open(endpoint), plan, { generation: 1, jobs: 1 });
    expect(post.map(({ subject, objects }) => [subject, ...objects])).toEqual([
      ['policy', 'POLICY public.t for_absent'],
      ['publication', 'PUBLICATION everything'],
    ]);
    const events = await restoreEventTriggers(session, plan);
    expect(events).toMatchObject([{ subject: 'eventTrigger', objects: ['e'] }]);
  });
});
