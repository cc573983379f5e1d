import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { parseConnectionUri } from '../../../shared/pg/connectionUri.ts';
import { readContentCatalog } from '../../../shared/pg/compare/contentCatalog.ts';
import { scanTables } from '../../../shared/pg/compare/contentScan.ts';
import type { RowHashAlgorithm } from '../../../shared/pg/compare/rowHash.ts';
import { SidePool } from '../../../shared/pg/compare/sidePool.ts';
import { compareContent, verifyContent } from '../../../shared/pg/compare/content.ts';
import type { ContentOptions, TableComparison } from '../../../shared/pg/compare/content.ts';
import { CONTENT_SQL } from './contentDatabase.ts';

let cluster: ThrowawayCluster;
const open: AsyncDisposable[] = [];

beforeAll(async () => {
  cluster = await startThrowawayCluster({ settings: { fsync: 'off' } });
  open.push(cluster);
  await cluster.createDatabase('model');
  await cluster.run(CONTENT_SQL, 'model');
  await cluster.run('create database source template model');
});

afterAll(async () => {
  for (const resource of open.reverse()) await resource[Symbol.asyncDispose]();
});

let copies = 0;

/** A copy of the model, changed by `sql`, compared with the unchanged one. */
async function compareChanged(
  sql: string,
  options: Partial<ContentOptions> = {},
): Promise<TableComparison[]> {
  const target = `target_${(copies += 1)}`;
  await cluster.run(`create database ${target} template model`);
  if (sql !== '') await cluster.run(sql, target);
  try {
    return await compareContent({
      source: await parseConnectionUri(cluster.uri('source')),
      target: await parseConnectionUri(cluster.uri(target)),
      mode: 'hash',
      ...options,
    });
  } finally {
    await cluster.run(`drop database ${target} with (force)`);
  }
}

async function difference(
  sql: string,
  options: Partial<ContentOptions> = {},
): Promise<TableComparison> {
  const tables = (await compareChanged(sql, options)).filter((table) => !table.equal);
  expect(tables.map((table) => table.name)).toHaveLength(1);
  return tables[0]!;
}

test('equal databases are equal, in other order of rows, too', async () => {
  const tables = await compareChanged(
    'create table o as table plain.keyed; truncate plain.keyed; insert into plain.keyed select * from o order by id desc; drop table o',
  );
  expect(tables.filter((table) => !table.equal)).toEqual([]);
  expect(tables.map((table) => `${table.schema}.${table.name}`)).toContain('plain.values');
  expect(tables.find((table) => table.name === 'keyed')?.sourceRows).toBe(1000);
});

describe('T75, T76: a difference is found:', () => {
  const cases: [string, string, string][] = [
    ['a row changed', 'keyed', "update plain.keyed set t = 'other' where id = 7"],
    ['a row missing', 'keyed', 'delete from plain.keyed where id = 7'],
    ['a row added', 'keyed', "insert into plain.keyed values (-1, 'x', 1)"],
    [
      'values of two rows swapped',
      'keyed',
      "update plain.keyed set t = case id when 7 then 'row 8' else 'row 7' end where id in (7, 8)",
    ],
    ['two columns of one row swapped', 'pairs', 'update plain.pairs set a = b, b = a where a = 1'],
    [
      'a row doubled where another is missing',
      'keyless',
      'delete from plain.keyless where ctid = (select max(ctid) from plain.keyless where a = 1); insert into plain.keyless values (2)',
    ],
    ['NULL for an empty text', 'values', "update plain.values set t = null where t = ''"],
    ['an empty text for NULL', 'values', "update plain.values set t = '' where t is null"],
    ['trailing spaces', 'values', "update plain.values set t = t || ' ' where id = 1"],
    ['the text NULL for NULL', 'values', "update plain.values set mood = 'NULL' where id = 3"],
    ['zero for minus zero', 'values', 'update plain.values set f8 = 0 where id = 1'],
    ['zero for minus zero in real', 'values', 'update plain.values set f4 = 0 where id = 1'],
    ['the last bit of a float', 'values', 'update plain.values set f8 = 0.3 where id = 2'],
    ['infinity for NaN', 'values', "update plain.values set f8 = 'infinity' where id = 3"],
    ['trailing zeros of a numeric', 'values', 'update plain.values set n = 1.0 where id = 1'],
    [
      'a bigint that folds to the same 32 bits',
      'values',
      'update plain.values set i8 = 1 where id = 1',
    ],
    ['one day for 24 hours', 'values', "update plain.values set span = '24 hours' where id = 1"],
    [
      'another zone of the same instant in timetz',
      'values',
      "update plain.values set tz = '11:00+01' where id = 1",
    ],
    ['white space in json', 'values', `update plain.values set j = '{"a": 1,"a":2}' where id = 1`],
    ['1.0 for 1 in jsonb', 'values', `update plain.values set jb = '{"a": 1}' where id = 1`],
    ['jsonb null for NULL', 'values', "update plain.values set jb = 'null' where id = 3"],
    ['lower bounds of an array', 'values', "update plain.values set arr = '{1,2}' where id = 1"],
    ['NULL in an array', 'values', `update plain.values set texts = '{"NULL",b}' where id = 1`],
    ['a case in citext-like domains', 'values', "update plain.values set d = 'ABC' where id = 1"],
    ['a member of an enum', 'values', "update plain.values set mood = 'sad' where id = 1"],
    ['an array of an enum', 'values', "update plain.values set moods = '{sad}' where id = 1"],
    ['a field of a composite', 'values', "update plain.values set pt = row(1, '') where id = 1"],
    ['NULL for a composite of NULLs', 'values', 'update plain.values set pt = null where id = 3'],
    ['a bound of a range', 'values', "update plain.values set r = '[1,6)' where id = 1"],
    ['a byte of bytea', 'values', String.raw`update plain.values set b = '\x0001' where id = 1`],
    ['money', 'values', 'update plain.values set m = 12.35 where id = 1'],
    ['what a regclass names', 'values', "update plain.values set rc = 'plain.pairs' where id = 1"],
    ['an oid', 'values', 'update plain.values set o = 7 where id = 1'],
    ['a point', 'values', "update plain.values set p = '(1,0)' where id = 1"],
    ['xml', 'values', "update plain.values set x = '<a></a>' where id = 1"],
    ['"char"', 'values', `update plain.values set c1 = 'b' where id = 1`],
    ['a bit string', 'values', "update plain.values set bits = B'1010' where id = 1"],
    ['a row of a leaf', 'leaf_1', 'update plain.tree set v = 9 where k = 1'],
    [
      'a row moved to a child by inheritance',
      'parent',
      'delete from only plain.parent where a = 1',
    ],
    ['a zero-column row', 'nothing', 'insert into plain.nothing default values'],
    ['a table missing', 'pairs', 'drop table plain.pairs'],
    ['a table more', 'more', 'create table plain.more (a int)'],
    ['a column missing', 'keyless', 'alter table plain.keyless add b int'],
    [
      'a row of an odd table',
      'Odd "Table".x',
      'delete from "Odd ""Schema"""."Odd ""Table"".x" where true',
    ],
    [
      'a generated value',
      'generated',
      'alter table plain.generated alter g drop expression; update plain.generated set g = 5 where a = 1',
    ],
  ];
  test.each(cases)('%s', async (_what, table, sql) => {
    expect((await difference(sql)).name).toBe(table);
  });

  test('two rows exchanged between a parent and its child', async () => {
    const tables = await compareChanged(
      'with gone as (delete from only plain.parent where a = 1 returning a) insert into plain.child select a from gone',
    );
    expect(tables.filter((table) => !table.equal).map((table) => table.name)).toEqual([
      'child',
      'parent',
    ]);
  });
});

test('T75: NaN is NaN, whatever its bits are', async () => {
  // The target computes its NaN, which sets the sign bit on some machines.
  const sql =
    "update plain.values set f8 = 'infinity'::float8 - 'infinity'::float8 where f8 = 'NaN'";
  expect((await compareChanged(sql)).filter((table) => !table.equal)).toEqual([]);
});

test('T78: a large table is read in parts, every part counts, and the ends are open', async () => {
  const options = { tables: [{ schema: 'plain', name: 'large' }], partBytes: 2 ** 18 };
  expect(await compareChanged('', options)).toMatchObject([{ equal: true, sourceRows: 500 }]);
  // Beyond what the other side has: in key and, because the row is as long as a block, in place.
  for (const id of [-(2 ** 31), 2 ** 31 - 1]) {
    const found = await difference(
      `insert into plain.large values (${id}, 'x', repeat('x', 7000))`,
      options,
    );
    expect(found.differingKeys?.keys).toEqual([{ kind: 'extra', key: `(id) = (${id})`, rows: 1 }]);
  }
  for (const id of [1, 250, 500]) {
    const found = await difference(`update plain.large set t = t || 'x' where id = ${id}`, options);
    expect(found.differingKeys?.keys).toEqual([
      { kind: 'different', key: `(id) = (${id})`, rows: 1 },
    ]);
  }
});

describe('keys of differing rows', () => {
  test('are listed as missing, extra and different', async () => {
    const found = await difference(
      "delete from plain.keyed where id = 7; insert into plain.keyed values (5000, 'x', 1); update plain.keyed set t = '' where id = 500",
    );
    expect(found.differingKeys?.hasMore).toBe(false);
    expect(found.differingKeys?.keys.sort((a, b) => a.kind.localeCompare(b.kind))).toEqual([
      { kind: 'different', key: '(id) = (500)', rows: 1 },
      { kind: 'extra', key: '(id) = (5000)', rows: 1 },
      { kind: 'missing', key: '(id) = (7)', rows: 1 },
    ]);
  });

  test('are cut at the limit', async () => {
    const found = await difference("update plain.keyed set t = ''", { keyLimit: 5 });
    expect(found.differingKeys?.keys).toHaveLength(5);
    expect(found.differingKeys?.hasMore).toBe(true);
  });

  test('T78: are numbers of rows where there is no key', async () => {
    const found = await difference('delete from plain.keyless where a = 1');
    expect(found.differingKeys).toEqual({
      keyColumns: undefined,
      keys: [{ kind: 'missing', key: undefined, rows: 3 }],
      hasMore: false,
    });
  });
});

test('counts find a missing row and overlook a changed one', async () => {
  expect(
    (await difference('delete from plain.keyed where id = 7', { mode: 'counts' })).detail,
  ).toBe('1000 rows on the source, 999 on the target');
  const tables = await compareChanged("update plain.keyed set t = ''", { mode: 'counts' });
  expect(tables.every((table) => table.equal)).toBe(true);
});

test('T79: a spoilt index does not hide a row, nor does it invent one', async () => {
  // The index misses a row, as after a change of its collation. The server would rather use it.
  const sql = `
    update pg_index set indisready = false where indexrelid = 'plain.keyed_pkey'::regclass;
    insert into plain.keyed values (-5, 'not in the index', 1);
    update pg_index set indisready = true where indexrelid = 'plain.keyed_pkey'::regclass;
    do 'begin execute format(''alter database %I set enable_seqscan = off'', current_database());
    end'`;
  for (const mode of ['counts', 'hash'] as const) {
    const found = await difference(sql, { mode });
    expect(found.targetRows).toBe(1001);
    if (mode === 'counts') continue;
    expect(found.differingKeys?.keys).toEqual([{ kind: 'extra', key: '(id) = (-5)', rows: 1 }]);
  }
});

test('T78: trees that are partitioned differently are compared by their root', async () => {
  const sql = `
    create table plain.o as table plain.tree;
    drop table plain.leaf_1, plain.leaf_2;
    create table plain.leaf_all partition of plain.tree default;
    insert into plain.tree select * from plain.o; drop table plain.o`;
  expect((await compareChanged(sql)).filter((table) => !table.equal)).toEqual([]);
  const found = await difference(`${sql}; update plain.tree set v = 9 where k = 15`);
  expect(found.name).toBe('tree');
  expect(found.differingKeys?.keys).toMatchObject([{ kind: 'different', key: '(k) = (15)' }]);
});

test('only the selected tables are read', async () => {
  const names = async (options: Partial<ContentOptions>) =>
    (await compareChanged('', options)).map((table) => table.name);
  expect(await names({ include: ['plain.key*'] })).toEqual(['keyed', 'keyless']);
  expect(await names({ include: ['plain.key*'], exclude: ['*less'] })).toEqual(['keyed']);
  expect(await names({ include: ['plain.tree'] })).toEqual(['leaf_1', 'leaf_2']);
  expect(await names({ include: ['leaf_1'] })).toEqual(['leaf_1']);
  expect(await names({ tables: [{ schema: 'plain', name: 'tree' }], exclude: ['leaf_2'] })).toEqual(
    ['leaf_1'],
  );
});

test('a table that cannot be read is named and does not stop the others', async () => {
  await cluster.run(
    'drop role if exists reader; create role reader login; grant usage on schema plain to reader; grant select on all tables in schema plain to reader; revoke select on plain.pairs from reader; grant usage on schema "Odd ""Schema""" to reader; grant select on all tables in schema "Odd ""Schema""" to reader',
    'source',
  );
  const found = await difference('', {
    source: await parseConnectionUri(cluster.uri('source', 'reader')),
  });
  expect(found.name).toBe('pairs');
  expect(found.detail).toContain('could not be read on the source: permission denied');
});

test('a given snapshot decides what is compared', async () => {
  const holder = await cluster.connect('source');
  try {
    await holder.query('begin isolation level repeatable read');
    const snapshot = await holder.query<{ id: string }>('select pg_export_snapshot() as id');
    await cluster.run("insert into plain.keyed values (9999, 'later', 1)", 'source');
    const result = await verifyContent({
      source: await parseConnectionUri(cluster.uri('source')),
      target: await parseConnectionUri(cluster.uri('model')),
      mode: 'hash',
      sourceSnapshot: snapshot.rows[0]!.id,
    });
    expect(result.differences).toEqual([]);
    expect(result.tableCount).toBeGreaterThan(8);
  } finally {
    await holder.end();
    await cluster.run('delete from plain.keyed where id = 9999', 'source');
  }
});

test('a cancel ends the statements on the servers', async () => {
  const controller = new AbortController();
  const locker = await cluster.connect('source');
  try {
    await locker.query('begin; lock table plain.pairs');
    const work = compareChanged('', {
      signal: controller.signal,
    });
    const outcome = expect(work).rejects.toThrow();
    const waiting = async () =>
      (
        await locker.query(
          "select from pg_locks where not granted and relation = 'plain.pairs'::regclass",
        )
      ).rowCount;
    while ((await waiting()) === 0);
    controller.abort();
    await outcome;
    expect(await waiting()).toBe(0);
  } finally {
    await locker.end();
  }
});

test('progress counts up to all tables', async () => {
  const seen: number[] = [];
  let total = 0;
  await compareChanged('', {
    onProgress: ({ tablesDone, tableCount }) => {
      seen.push(tablesDone);
      total = tableCount;
    },
  });
  expect(seen).toEqual(Array.from({ length: total }, (_, index) => index + 1));
});

describe('databases with other settings and collations', () => {
  const endpoints = async (source: string, target: string) => ({
    source: await parseConnectionUri(cluster.uri(source)),
    target: await parseConnectionUri(cluster.uri(target)),
    mode: 'hash' as const,
  });

  test('T75, T76: settings of databases and another encoding change no hash', async () => {
    const sql = `create type moment as (d date, i interval, f float8, m money, ts timestamptz, b bytea);
      create table v (id int primary key, mo moment, t text, f8 float8, f4 float4, n numeric(10, 2),
        m money, ts timestamptz, span interval, d date, b bytea, x xml, rc regclass, c char(8),
        pt point, fa float8[], ta timestamptz[]);
      insert into v values (1, row('2024-04-03', '1 mon -1 days', 0.1 + 0.2::float8, 1234.5,
        '2024-04-03 12:00+02', '\\x00ff5c'), 'é€', 0.1 + 0.2::float8, 0.1, 1.5, 1234.5, '2024-04-03 12:00+02',
        '1 mon -1 days', '2024-04-03', '\\x00ff5c', '<a/>', 'v', 'ab', '(0.1,0.3)', '{0.1}', '{infinity}'),
        (2, null, '', 'NaN', '-0', null, -1, 'epoch', '-1 days', '0044-03-15 BC', '', null, null, '', null, '{}', null)`;
    await cluster.run('create database plain_settings template template0');
    await cluster.run(`create database odd_settings template template0 encoding 'LATIN9'`);
    for (const name of ['plain_settings', 'odd_settings']) await cluster.run(sql, name);
    for (const [setting, value] of Object.entries({
      datestyle: 'SQL, DMY',
      intervalstyle: 'sql_standard',
      timezone: 'Asia/Kolkata',
      extra_float_digits: '-5',
      bytea_output: 'escape',
      xmloption: 'document',
      lc_monetary: 'C.utf8',
      search_path: '',
      row_security: 'off',
    })) {
      await cluster.run(`alter database odd_settings set ${setting} = '${value}'`);
    }
    const options = await endpoints('plain_settings', 'odd_settings');
    expect(await compareContent(options)).toMatchObject([{ equal: true, sourceRows: 2 }]);
    await cluster.run('update public.v set f8 = 0.3 where id = 1', 'odd_settings');
    expect(await compareContent(options)).toMatchObject([{ equal: false }]);
  });

  test('T34: neither sums nor keys depend on the collation, and equal is only what has the same bytes', async () => {
    const sql = `create collation folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
      create table words (word text primary key, note text collate folded);
      insert into words select chr(65 + i % 26) || chr(97 + i % 26) || '-' || i, 'Note ' || i
      from generate_series(1, 5000) i`;
    await cluster.run(`create database by_bytes template template0 locale 'C'`);
    await cluster.run(
      `create database by_icu template template0 locale_provider icu icu_locale 'de' locale 'C.utf8'`,
    );
    for (const name of ['by_bytes', 'by_icu']) await cluster.run(sql, name);
    const order = async (name: string) => {
      const client = await cluster.connect(name);
      const { rows } = await client.query<{ word: string }>(
        "select word from (values ('a'), ('B'), ('A')) v (word) order by 1",
      );
      await client.end();
      return rows.map(({ word }) => word).join('');
    };
    expect([await order('by_bytes'), await order('by_icu')]).toEqual(['ABa', 'aAB']);
    const options = await endpoints('by_bytes', 'by_icu');
    const parts = { ...options, partBytes: 2 ** 16 };
    expect(await compareContent(parts)).toMatchObject([{ equal: true, sourceRows: 5000 }]);
    // Equal to the collation of the column, and still another value.
    await cluster.run("update words set note = upper(note) where note = 'Note 77'", 'by_icu');
    await cluster.run("delete from words where note = 'Note 78'", 'by_icu');
    const [found] = await compareContent(parts);
    expect(found?.differingKeys?.keys.sort((a, b) => a.kind.localeCompare(b.kind))).toEqual([
      { kind: 'different', key: '(word) = (Zz-77)', rows: 1 },
      { kind: 'missing', key: '(word) = (Aa-78)', rows: 1 },
    ]);
  });

  test('T75: every way of hashing tells NULL from an empty text, and sums up the same', async () => {
    await using source = await SidePool.open((await endpoints('model', 'model')).source, {
      jobs: 1,
      applicationName: 'pgmove/test/compare',
    });
    const tables = await readContentCatalog(source.first);
    const table = tables.find(({ name }) => name === 'pairs')!;
    const sumsOf = async (algorithm: RowHashAlgorithm, ...forms: string[]): Promise<string> => {
      let text = '';
      await scanTables(source, { algorithm }, [{ table, isTree: false, forms }], (_, outcome) => {
        if (outcome instanceof Error) throw outcome;
        text = outcome.sums.join(' ');
      });
      return text;
    };
    for (const algorithm of ['extended', 'sha256', 'md5'] as const) {
      const sums = [
        await sumsOf(algorithm, "''::text", "'a'::text"),
        await sumsOf(algorithm, 'null::text', "'a'::text"),
        await sumsOf(algorithm, "'a'::text", "''::text"),
        await sumsOf(algorithm, "'a'::text", 'null::text'),
      ];
      expect(new Set(sums).size).toBe(4);
      expect(await sumsOf(algorithm, 'a', 'b')).toBe(await sumsOf(algorithm, 'a', 'b'));
      expect(await sumsOf(algorithm, 'a', 'b')).not.toBe(await sumsOf(algorithm, 'b', 'a'));
    }
  });

  test('T78: rows behind the end that the catalog told are counted', async () => {
    await using source = await SidePool.open((await endpoints('model', 'model')).source, {
      jobs: 2,
      applicationName: 'pgmove/test/compare',
    });
    const tables = await readContentCatalog(source.first);
    const table = tables.find(({ name }) => name === 'large')!;
    expect(table.blockCount).toBeGreaterThan(100);
    // As if it had grown since: parts are cut by the old size.
    const earlier = { ...table, blockCount: 40 };
    const settings = { algorithm: 'extended', partBytes: table.sizeBytes / 8 } as const;
    const requests = [table, earlier].map((each) => ({
      table: each,
      isTree: false,
      forms: ['id'],
    }));
    const sums: unknown[] = [];
    await scanTables(source, settings, requests, (_, outcome) => sums.push(outcome));
    expect(sums[0]).toMatchObject({ rows: 500n });
    expect(sums[1]).toEqual(sums[0]);
  });
});
