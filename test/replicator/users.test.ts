import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { startTestCluster } from '../pg/copy/copyPair.ts';
import { copyAllOnline } from './support/copyTables.ts';
import { beginStream, differences, makeOnlinePair, planOnline } from './support/onlinePair.ts';
import { startStream } from './support/streamLoop.ts';

let source: ThrowawayCluster;
let target: ThrowawayCluster;

beforeAll(async () => {
  [source, target] = await Promise.all([startTestCluster(), startTestCluster()]);
  await source.run('create role reader login replication; grant pg_read_all_data to reader');
  await target.run('create role owner login');
});

afterAll(async () => {
  await Promise.all([source?.stop(), target?.stop()]);
});

const SQL = `create table plain (id int not null, v text);
  create table swapped (id int not null, pos int);
  create table keyless (a int, b text);
  create table numbered (id int not null, n int generated always as identity, twice int generated always as (id * 2) stored);
  create table cut (id int not null, k int not null) partition by list (k);
  create table cut_0 partition of cut for values in (0);
  create table cut_1 partition of cut for values in (1)`;

const ROWS = `alter table plain add primary key (id);
  alter table swapped add primary key (id);
  alter table swapped add constraint swapped_pos unique (pos) deferrable initially immediate;
  alter table keyless replica identity full;
  alter table numbered add primary key (id);
  alter table cut add primary key (id, k);
  insert into plain select i, 'v' from generate_series(1, 2000) i;
  insert into swapped select i, i from generate_series(1, 50) i;
  insert into keyless select i % 3, 'b' from generate_series(1, 30) i;
  insert into numbered (id) select generate_series(1, 30);
  insert into cut select i, i % 2 from generate_series(1, 30) i`;

const OWNED = `alter table plain owner to owner; alter table swapped owner to owner;
  alter table keyless owner to owner; alter table numbered owner to owner;
  alter table cut owner to owner; alter table cut_0 owner to owner; alter table cut_1 owner to owner;
  grant create on schema public to owner;
  do $$ begin execute format('grant create on database %I to owner', current_database()); end $$`;

const WRITES = `update plain set v = v || 'x' where id % 3 = 0; update plain set id = id + 10000 where id % 100 = 1;
  update swapped set pos = 51 - pos; begin; set constraints all deferred;
  update swapped set pos = pos % 50 + 1; commit;
  delete from keyless where ctid = (select min(ctid) from keyless); update keyless set b = 'c' where a = 1;
  update numbered set id = id + 1000 where id % 5 = 0; insert into numbered (id) values ((random() * 1e9)::int);
  update cut set k = 1 - k where id % 4 = 0`;

describe('without superusers', () => {
  it('a user with REPLICATION reads the source, and the owner of the tables writes the target', async () => {
    const pair = await makeOnlinePair(source, target, {
      sql: SQL,
      rows: ROWS,
      targetSql: OWNED,
      sourceUser: 'reader',
      targetUser: 'owner',
    });
    await beginStream(pair);
    await using stream = startStream(pair);
    await pair.from.query(WRITES);
    await copyAllOnline(pair, await planOnline(pair, { batchTables: 2 }), {
      failPoint: async (name) => {
        if (name === 'copied') await pair.from.query(WRITES);
      },
    });
    for (let round = 0; round < 5; round += 1) await pair.from.query(WRITES);
    await pair.from.query('truncate cut_1; truncate keyless; insert into keyless values (1, null)');
    await stream.caughtUp();
    expect(stream.errors).toEqual([]);
    const compared = { ...pair, source: { ...pair.source, user: 'postgres' } };
    expect(
      await differences({ ...compared, target: { ...pair.target, user: 'postgres' } }),
    ).toEqual([]);
    const { rows } = await pair.into.query(
      "select usename from pg_stat_activity where application_name = 'pgmove/test/stream'",
    );
    expect(rows).toEqual([{ usename: 'owner' }]);
    await stream.stop();
    await pair.close();
  });
});
