import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { embeddedBinaries } from '../../../scripts/postgres/serverBinaries.ts';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { openReadBack } from '../../../shared/wal/apply/readBack.ts';
import { startTestCluster } from '../../pg/copy/copyPair.ts';
import { makeApplyPair, rowsOf } from './applyPair.ts';
import type { ApplyPair } from './applyPair.ts';

let from: ThrowawayCluster;
let into: ThrowawayCluster;

beforeAll(async () => {
  [from, into] = await Promise.all([startTestCluster(), startTestCluster()]);
});

afterAll(async () => {
  await Promise.all([from.stop(), into.stop()]);
});

async function expectEqual(pair: ApplyPair, ...tables: string[]): Promise<void> {
  for (const table of tables) {
    expect(await rowsOf(pair.target, table)).toEqual(await rowsOf(pair.source, table));
  }
}

/** Many types with values that a detour would change. */
const TYPES_SQL = `
  create schema ext; create extension citext schema ext; create extension hstore schema ext;
  create type mood as enum ('sad', 'o"k', 'back\\slash', 'com,ma');
  create domain short as varchar(5) check (value <> 'bad');
  create domain amount as numeric(10, 2) not null default 0;
  create domain ints as int[];
  create type pair as (a int, b text);
  create domain pairs as pair;
  create table v (
    id int primary key,
    i2 smallint, i8 bigint, n numeric, n2 numeric(10, 2), f4 real, f8 double precision, b boolean,
    t text, vc varchar(10), c char(6), ch "char", na name, by bytea, bi bit(5), vb varbit(8),
    d date, ti time, tz timetz, ts timestamp, tstz timestamptz(3), iv interval, ivs interval(0),
    u uuid, j json, jb jsonb, x xml, m money, mo mood, sh short, am amount, di ints, p pair,
    pd pairs, ci ext.citext, h ext.hstore, ip inet, cd cidr, mac macaddr,
    po point, bx box, pol polygon, cir circle, ln line, ls lseg, pa path,
    ai int[], at text[], am2 mood[], abx box[], aci ext.citext[], ad short[], af float8[],
    ar int4range, mr nummultirange, tsr tsrange, tv tsvector, tq tsquery, o oid, lsn pg_lsn,
    av varchar(3)[], ap pair[], jp jsonpath, i2v int2vector)`;

const TYPE_VALUES = `
    (1, 32767, 9223372036854775807, 12345678901234567890.123456789000, 1.10, 0.1, 0.30000000000000004,
     true, '', 'x', 'ab', 'c', 'name', '\\x00ff5c22', '10101', '101', '0044-03-15 BC', '24:00:00',
     '12:00:00+05:30', 'infinity', '-infinity', '1 mon -1 days +00:00:01.5', '3 days',
     'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a": 1.0,  "a": 2, "b":"\\u00e9"}',
     '{"z": 1.0, "n": null}', '<a b="1">&amp;</a>', '-1234.50', 'o"k', 'abc', 1.5, '[0:2]={1,null,3}',
     '(1,"a ""b"" \\\\c")', '(2,)', 'MiXed', '"a\\"b"=>"c,d", e=>NULL', '10.0.0.1/8', '10.0.0.0/8',
     '08:00:2b:01:02:03', '(1.5,-0)', '(1,2),(3,4)', '((0,0),(1,1),(1,0))', '<(1,2),3>', '{1,2,3}',
     '[(0,0),(1,1)]', '[(0,0),(1,1)]', '{{1,2},{3,4}}', '{NULL,"NULL","","a,b","q\\"\\\\"}',
     '{sad,"o\\"k","com,ma"}', '{(1,2),(3,4);(5,6),(7,8)}', '{A,a}', '{abc}', '{NaN,Infinity,-0}',
     '[1,5)', '{[1.0,2.00],(3,)}', '("2020-01-01 00:00:00",)', 'a:1A b ''c d'':2', '''a'' & !b',
     4000000000, '16/B374D848', '{abc}', '{"(1,\\"a,b\\")"}', '$.a[*]', '1 2 3'),
    (2, -1, -9223372036854775808, 0.00, 0, -0.0, 1e-300, false, 'null', 'NULL', E'\\\\N', E'\\\\', 'n',
     '', '00000', '', 'infinity', '00:00:00.000001', '00:00:00-15', '2024-02-29 23:59:59.999999',
     '0001-01-01 00:00:00+00 BC', '-1 years', '00:00:00', '00000000-0000-0000-0000-000000000000',
     'null', 'null', '', '0', 'back\\slash', '', 0, '{}', '(,)', null, '', '', '::1', '::/0',
     'ff:ff:ff:ff:ff:ff', '(NaN,Infinity)', '(0,0),(0,0)', '((0,0))', '<(0,0),0>', '{0,1,0}',
     '[(0,0),(0,0)]', '((0,0),(1,1))', '{}', '{}', '{}', '{}', '{}', '{}', '{}', 'empty', '{}',
     '(,)', '', '', 0, '0/0', '{}', '{}', '$', '')`;

test('T23–T33: values of every kind arrive as the source has them', async () => {
  const pair = await makeApplyPair(from, into, { sql: TYPES_SQL });
  await pair.from.query(`insert into v values ${TYPE_VALUES}`);
  await pair.from.query('insert into v (id) values (3)');
  await pair.from.query(String.raw`update v set t = E'a\tb\n"c"\\d {e,f} é 😀', j = '[ 1 ]'`);
  const parts = await pair.takeMessages();
  await pair.apply({ messages: parts, readBack: openReadBack(pair.source) });
  await expectEqual(pair, 'public.v');
  await pair.from.query('update v set id = id + 10, c = null where id < 3');
  // One change for each flush: parameters of their own instead of arrays.
  await pair.apply({ isFlushed: () => true, readBack: openReadBack(pair.source) });
  await expectEqual(pair, 'public.v');
  await pair.from.query('delete from v');
  await pair.apply();
  await expectEqual(pair, 'public.v');
  await pair.close();
});

test('values of every kind are found without a key, and on PostgreSQL 18', async () => {
  await using eighteen = await startTestCluster({ binaries: await embeddedBinaries(18) });
  const sql = `${TYPES_SQL}; alter table v drop constraint v_pkey; alter table v replica identity full`;
  const pair = await makeApplyPair(from, eighteen, { sql });
  const readBack = openReadBack(pair.source);
  await pair.from.query(`insert into v values ${TYPE_VALUES}`);
  await pair.apply({ readBack });
  await expectEqual(pair, 'public.v');
  await pair.from.query("update v set t = 'other'");
  await pair.apply({ readBack });
  await expectEqual(pair, 'public.v');
  await pair.from.query('delete from v where id = 1');
  await pair.apply({ readBack });
  await expectEqual(pair, 'public.v');
  await pair.close();
});

test('inserts, updates and deletes of the same rows leave what the source has', async () => {
  const pair = await makeApplyPair(from, into, {
    sql: 'create table t (id int primary key, a text, b int)',
    rows: "insert into t select i, 'a' || i, i from generate_series(1, 100) i",
  });
  await pair.from.query('update t set b = b + 1');
  await pair.from.query("update t set a = 'x' where id % 3 = 0");
  await pair.from.query('delete from t where id % 5 = 0');
  await pair.from.query("insert into t values (5, 'again', 1), (200, 'new', 2)");
  await pair.from.query('update t set id = id + 1000 where id > 90');
  const { counters } = await pair.apply();
  await expectEqual(pair, 'public.t');
  expect(counters).toMatchObject({ inserts: 2, deletes: 20, truncates: 0 });
  await pair.close();
});

test('T17: an update keeps TOASTed values that its message leaves out', async () => {
  const pair = await makeApplyPair(from, into, {
    sql: `create table t (id int primary key, big text, n int, other text);
          alter table t alter big set storage external, alter other set storage external`,
    rows: "insert into t select i, repeat('x' || i, 3000), i, repeat('y', 3000) from generate_series(1, 4) i",
  });
  await pair.from.query('update t set n = n + 1');
  await pair.from.query("update t set big = repeat('z', 4000) where id = 2");
  await pair.from.query("update t set other = 'short' where id = 2; update t set n = 9");
  await pair.from.query(`insert into t values (5, repeat('5', 5000), 5, repeat('6', 5000));
    update t set n = 6 where id = 5`);
  await pair.apply();
  await expectEqual(pair, 'public.t');
  await pair.close();
});

test('T18: a change of the key is an update by the old key, and keeps TOASTed values', async () => {
  const pair = await makeApplyPair(from, into, {
    sql: `create table t (a int, b text, big text, primary key (a, b));
          alter table t alter big set storage external, alter b set storage external;
          create table f (a int primary key, big text); alter table f replica identity full;
          alter table f alter big set storage external`,
    rows: `insert into t select i, repeat('k' || i, 900), repeat('x' || i, 3000)
             from generate_series(1, 4) i;
           insert into f select i, repeat('x' || i, 3000) from generate_series(1, 4) i`,
  });
  await pair.from.query('update t set a = a + 10; update f set a = a + 10');
  await pair.from.query(
    "update t set b = 'k' where a = 11; update t set a = 12, b = 'k' where a = 11",
  );
  await pair.from.query('delete from t where a = 13; insert into f values (1, null)');
  await pair.apply();
  await expectEqual(pair, 'public.t', 'public.f');
  await pair.close();
});

test('T19: generated columns are not written', async () => {
  const pair = await makeApplyPair(from, into, {
    sql: `create table t (id int primary key, a int, twice int generated always as (a * 2) stored);
          create table only_generated (g int generated always as (1) stored)`,
  });
  await pair.from.query('insert into t values (1, 2), (2, 3); update t set a = a + 1');
  await pair.from.query('insert into only_generated default values');
  await pair.from.query('update t set id = 7 where id = 1');
  await pair.apply();
  await expectEqual(pair, 'public.t', 'public.only_generated');
  await pair.close();
});

test('T20: GENERATED ALWAYS identity columns take the values of inserts and of changed updates', async () => {
  const pair = await makeApplyPair(from, into, {
    sql: `create table k (id int generated always as identity primary key, x text);
          create table o (u text primary key, id int generated always as identity, x text)`,
  });
  await pair.from.query(
    "insert into k (x) values ('a'), ('b'); insert into o (u) values ('a'), ('b')",
  );
  await pair.from.query("update k set x = 'c'; update o set x = 'c'");
  await pair.apply();
  await expectEqual(pair, 'public.k', 'public.o');
  await pair.from.query(
    "update k set id = default where id = 1; update o set id = default where u = 'a'",
  );
  await pair.from.query("update o set x = 'd'");
  await pair.apply();
  await expectEqual(pair, 'public.k', 'public.o');
  await pair.from.query('update k set id = default; update o set id = default');
  await pair.apply({ isFlushed: () => true });
  await expectEqual(pair, 'public.k', 'public.o');
  await expect(pair.into.query('insert into k (id) values (1000)')).rejects.toThrow(
    /non-DEFAULT value/,
  );
  await pair.close();
});

test('T21, T22: of equal rows without a key each change touches one, and 1.0 is not 1.00', async () => {
  const pair = await makeApplyPair(from, into, {
    sql: `create table t (n numeric, j json, p point, c char(4), f float8);
          alter table t replica identity full`,
    rows: `insert into t select 1.0, '{"a":1}', '(1,2)', 'a', 0 from generate_series(1, 3);
           insert into t select 1.00, '{"a": 1}', '(1,2)', 'a ', -0.0::float8 from generate_series(1, 3)`,
  });
  await pair.from.query(
    `delete from t where ctid = (select ctid from t where n::text = '1.00' limit 1)`,
  );
  await pair.from.query(
    `update t set c = 'b' where ctid = (select ctid from t where n::text = '1.0' limit 1)`,
  );
  await pair.from.query(
    `delete from t where ctid = (select ctid from t where j::text = '{"a": 1}' limit 1)`,
  );
  await pair.apply();
  await expectEqual(pair, 'public.t');
  expect((await rowsOf(pair.target, 'public.t')).length).toBe(4);
  await pair.close();
});

test('keys are matched as their index does: citext, numeric of another scale, char(n)', async () => {
  const pair = await makeApplyPair(from, into, {
    sql: `create schema ext; create extension citext schema ext;
          create table c (id ext.citext primary key, v int);
          create table n (id numeric primary key, v int);
          create table p (id char(5) primary key, v int);
          create collation blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
          create table b (id text collate blind primary key, v int)`,
    rows: `insert into c values ('A', 1), ('b', 2); insert into n values (1.0, 1), (2, 2);
           insert into p values ('x', 1); insert into b values ('Q', 1)`,
  });
  await pair.from
    .query(`set search_path = public, ext; update c set v = 3 where id = 'a'; delete from c where id = 'a';
    insert into c values ('a', 4); update c set v = 5 where id = 'A'; update c set id = 'B' where id = 'b'`);
  await pair.from.query(`update n set id = 1.00 where id = 1; update n set v = 7 where id = 1;
    delete from n where id = 2; insert into n values (2.000, 3)`);
  await pair.from.query("update p set v = 2 where id = 'x'; update p set id = 'y'");
  await pair.from.query("delete from b; insert into b values ('q', 2); update b set id = 'Q'");
  await pair.apply();
  await expectEqual(pair, 'public.c', 'public.n', 'public.p', 'public.b');
  await pair.close();
});

test('T13: tables that refer to each other are truncated together, inheriting ones are not', async () => {
  const pair = await makeApplyPair(from, into, {
    sql: `create table a (id int primary key); create table b (id int primary key references a);
          create table child () inherits (a)`,
    rows: 'insert into a values (1); insert into b values (1); insert into child values (2)',
  });
  await pair.from.query(
    'begin; insert into a values (3); truncate only a, b; insert into a values (4); commit',
  );
  const { counters } = await pair.apply();
  expect(counters.truncates).toBe(2);
  await expectEqual(pair, 'public.a', 'public.b', 'public.child');
  await pair.close();
});

test('T63: values that rows of a deferrable constraint swap arrive', async () => {
  const pair = await makeApplyPair(from, into, {
    sql: `create table t (id int primary key, u int unique deferrable initially immediate);
          create table d (id int primary key deferrable initially deferred, v int);
          alter table d replica identity full;
          create table s (id int primary key, u int unique)`,
    rows: 'insert into t values (1, 1), (2, 2); insert into d values (1, 1), (2, 2); insert into s values (1, 1), (2, 2)',
  });
  await pair.from.query('update t set u = 3 - u; update d set id = 3 - id');
  await pair.from.query(
    'update s set u = 9 where id = 1; update s set u = 1 where id = 2; update s set u = 2 where id = 1',
  );
  await pair.apply();
  await expectEqual(pair, 'public.t', 'public.d', 'public.s');
  await pair.close();
});

test('T63: the same without the role replica', async () => {
  const pair = await makeApplyPair(from, into, {
    sql: 'create table t (id int primary key, u int unique deferrable initially immediate)',
    rows: 'insert into t values (1, 1), (2, 2)',
    replicaRole: false,
  });
  await pair.from.query('update t set u = 3 - u');
  await pair.apply();
  await expectEqual(pair, 'public.t');
  await pair.close();
});

test('T46, T47: rows move between partitions; triggers and rules of the target stay silent', async () => {
  const pair = await makeApplyPair(from, into, {
    sql: `create table p (k int primary key, v text) partition by range (k);
          create table p1 partition of p for values from (0) to (10);
          create table p2 partition of p for values from (10) to (20);
          create table log (x int);
          create function noted() returns trigger language plpgsql as
            $$begin insert into public.log values (1); return new; end$$;
          create trigger noted after insert or update on p1 for each row execute function noted();
          create rule redirected as on insert to p2 do instead nothing`,
    rows: "insert into p1 values (1, 'a'), (2, 'b')",
  });
  await pair.from.query('truncate log');
  await pair.from.query('update p set k = k + 10 where k = 1; update p set k = 3 where k = 2');
  await pair.from.query('truncate log');
  await pair.apply();
  await expectEqual(pair, 'public.p1', 'public.p2', 'public.log');
  await pair.close();
});

test('T47: what a foreign key did on the source is not done again on the target', async () => {
  const sql = `create table parent (id int primary key);
    create table child (id int primary key, p int references parent on delete cascade on update cascade);
    create table other (id int primary key, p int references parent on delete set null);
    create table log (x int);
    create function noted() returns trigger language plpgsql as
      $$begin insert into public.log values (1); return null; end$$;
    create trigger noted after delete or update on child for each row execute function noted()`;
  const rows = `insert into parent values (1), (2), (3); insert into child values (1, 1), (2, 2), (3, 3);
    insert into other values (1, 1), (3, 3); truncate log`;
  const change = async (pair: ApplyPair) => {
    await pair.from.query(
      'delete from parent where id = 1; update parent set id = 20 where id = 2',
    );
    await pair.from.query(
      'begin; insert into parent values (4); insert into child values (4, 4); commit',
    );
  };
  const replica = await makeApplyPair(from, into, { sql, rows });
  await change(replica);
  await replica.apply();
  const tables = ['public.parent', 'public.child', 'public.other', 'public.log'];
  await expectEqual(replica, ...tables);
  expect((await replica.into.query('select from log')).rowCount).toBe(2);
  await replica.close();

  // Without the right to be a replica the target has neither triggers nor foreign keys yet.
  const plain = await makeApplyPair(from, into, { sql, rows, replicaRole: false });
  await plain.into.query(`drop trigger noted on child;
    alter table child drop constraint child_p_fkey; alter table other drop constraint other_p_fkey`);
  await change(plain);
  await plain.apply();
  await expectEqual(plain, ...tables);
  await plain.close();
});

describe('T65: a batch', () => {
  const sql = 'create table t (a int, b text, v text, primary key (a, b))';

  test('keeps the order of what happens to one key', async () => {
    const pair = await makeApplyPair(from, into, {
      sql,
      rows: "insert into t values (9, 'k', 'old')",
    });
    await pair.from.query(`insert into t values (1, 'k', '1'); update t set v = '2' where a = 1;
      delete from t where a = 1; insert into t values (1, 'k', '3');
      delete from t where a = 9; insert into t values (9, 'k', 'new'); update t set a = 10 where a = 9;
      insert into t values (9, 'k', 'again'); delete from t where a = 10;
      insert into t values (5, 'k', 'x'); delete from t where a = 5`);
    const messages = await pair.takeMessages();
    for (const isFlushed of [undefined, () => true]) {
      await pair.into.query("truncate t; insert into t values (9, 'k', 'old')");
      await pair.apply({ messages, ...(isFlushed && { isFlushed }) });
      await expectEqual(pair, 'public.t');
    }
    await pair.close();
  });

  test('may have more rows than a statement may have parameters', async () => {
    const pair = await makeApplyPair(from, into, { sql });
    const steps = [
      "insert into t select i, 'k' || i % 7, 'v' || i from generate_series(1, 70000) i",
      "update t set v = v || '!' where a % 2 = 0",
      'delete from t where a % 10 <> 0',
    ];
    for (const step of steps) {
      await pair.from.query(step);
      const { counters } = await pair.apply({ maxPendingChanges: 200_000 });
      expect(counters.replays).toBe(0);
      await expectEqual(pair, 'public.t');
    }
    await pair.close();
  });

  test('goes on when the definition of its table on the target changed under prepared statements', async () => {
    const pair = await makeApplyPair(from, into, {
      sql,
      rows: "insert into t values (0, 'k', '')",
    });
    const changes = [
      'create index extra on t (v)',
      'alter table t add check (a >= 0)',
      'vacuum full t',
      'drop index extra',
      'alter table t drop constraint t_pkey; alter table t add primary key (b, a)',
    ];
    let n = 0;
    for (const ddl of ['select', ...changes]) {
      await pair.into.query(ddl);
      // Often enough to be prepared under a name and planned once and for all.
      for (let round = 0; round < 7; round += 1) {
        n += 2;
        await pair.from.query(`insert into t values (${n}, 'a', 'x'), (${n + 1}, 'b', 'y');
          update t set v = '${n}' where a < 2; delete from t where a = ${n - 2} and b = 'a'`);
        await pair.apply();
      }
    }
    await expectEqual(pair, 'public.t');
    await pair.close();
  });
});
