import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MigrationError } from '../../shared/errors/migrationError.ts';
import { connect } from '../../shared/pg/connect.ts';
import { parseLsn } from '../../shared/wal/lsn.ts';
import { probePlugin } from '../../shared/wal/plugin.ts';
import { identityOf, startWalSource, takeUntil, valuesOf } from './walSource.ts';
import type { WalSource } from './walSource.ts';

let source: WalSource;

beforeAll(async () => {
  source = await startWalSource({ settings: { max_prepared_transactions: '5' } });
});

afterAll(async () => {
  await source?.[Symbol.asyncDispose]();
});

/** Inserts a row of `values`, and compares each with what a fixed session says of it. */
async function expectSameText(
  name: string,
  columns: Readonly<Record<string, readonly [type: string, value: string]>>,
): Promise<void> {
  const list = Object.entries(columns);
  const rows = await source.rows(
    `create table ${name} (${list.map(([column, [type]]) => `${column} ${type}`).join(', ')})`,
    `insert into ${name} values (${list.map(([, [, value]]) => value).join(', ')})`,
  );
  await using session = await connect(source.endpoint, {
    applicationName: 'pgmove/test/oracle',
    settings: { lc_monetary: 'C' },
  });
  const texts = list.map(([column, [type]]) =>
    // The cast of bool and of "char" to text is not their output function.
    type === 'bool' ? `case ${column} when true then 't' else 'f' end` : `format('%s', ${column})`,
  );
  const named = list.map(
    ([column], index) =>
      `case when ${column} is null and ${column} is not distinct from null then null else ${texts[index]} end as ${column}`,
  );
  const oracle = await session.query(`select ${named.join(', ')} from public.${name}`);
  expect(rows).toHaveLength(1);
  expect(valuesOf(rows[0]!)).toEqual(oracle.rows[0]);
}

test('T4: the plugin is asked whether it can write NaN; without it null is ambiguous', async () => {
  await using session = await connect(source.endpoint, { applicationName: 'pgmove/test/probe' });
  const before = await source.confirmedFlush();
  const plugin = await probePlugin(session, 's');
  expect(await source.confirmedFlush()).toBe(before);
  expect(plugin.options).toMatchObject({
    'format-version': '2',
    'include-xids': 'true',
    'include-transaction': 'true',
    'add-msg-prefixes': 'pgmove',
  });
  // Of 2.5 and before; a newer one knows the option.
  expect(plugin.isNullAmbiguous).toBe(plugin.options['numeric-data-types-as-string'] === undefined);
  const [row] = await source.rows(
    'create table nan (a float8, b numeric)',
    "insert into nan values ('NaN', 'NaN')",
  );
  const expected = plugin.isNullAmbiguous ? null : 'NaN';
  expect(valuesOf(row!)).toEqual({ a: expected, b: expected });
});

test('T5: numbers keep every digit', async () => {
  await expectSameText('digits', {
    a: ['int8', '9223372036854775807'],
    b: ['int8', '-9223372036854775808'],
    c: ['numeric', '123456789012345678901234567890.12345678901234567890'],
    d: ['numeric(10,4)', '1.1'],
    e: ['float8', "'0.30000000000000004'"],
    f: ['float4', "'3.4028235e38'"],
    g: ['float8', "'-0'"],
    h: ['oid', '4294967295'],
    i: ['numeric', "'-1e-50'"],
  });
});

test('T6: bytea has its prefix, in a domain, an array and a composite too', async () => {
  await source.client.query(
    'create domain blob as bytea; create type with_blob as (a bytea, b int)',
  );
  await expectSameText('blobs', {
    a: ['bytea', "'\\x00ff27'"],
    b: ['bytea', "''"],
    c: ['blob', "'\\x5c22'"],
    d: ['bytea[]', "array['\\x01', null, '\\x5c']::bytea[]"],
    e: ['with_blob', "row('\\x22', 1)"],
    f: ['bytea', 'null'],
  });
});

test('T7: names and types that need quotes, in every letter of the table', async () => {
  await source.client.query(`create type "we""ird \\type" as enum ('a"b', 'é')`);
  const [row] = await source.rows(
    `create table "T""a\\b le é" ("Q""c" int primary key, "a\\b" "we""ird \\type", "日本" int default 7)`,
    `insert into "T""a\\b le é" values (1, 'a"b')`,
  );
  expect(row).toMatchObject({ schema: 'public', table: 'T"a\\b le é' });
  expect(valuesOf(row!)).toEqual({ 'Q"c': '1', 'a\\b': 'a"b', 日本: '7' });
});

test('T10, T15: subtransactions carry the top id, aborted ones vanish, prepared ones come at their commit', async () => {
  await source.stream('create table sub (a int)');
  const messages = await source.stream(
    `begin; insert into sub values (1); savepoint a; insert into sub values (2);
     savepoint b; insert into sub values (3); rollback to b; savepoint c; insert into sub values (4);
     commit`,
    "begin; insert into sub values (5); prepare transaction 'p'",
    'insert into sub values (6)',
    "commit prepared 'p'",
    'begin; insert into sub values (7); rollback',
  );
  expect(
    messages.map((each) => (each.action === 'I' ? each.values?.at(0) : each.action)).join(' '),
  ).toBe('B 1 2 4 C B 6 C B 5 C');
  const begins = messages.filter((each) => each.action === 'B');
  const commits = messages.filter((each) => each.action === 'C');
  expect(begins.map((each) => each.xid)).toEqual(commits.map((each) => each.xid));
});

test('T11: the walsender is not timed out, whatever the server says', async () => {
  await source.client.query("alter system set wal_sender_timeout = '50ms'");
  await source.client.query('select pg_reload_conf()');
  await using stream = await source.open({ feedbackEveryMs: 100_000 });
  // Much longer than the server's timeout.
  await source.client.query('select pg_sleep(0.5)');
  await source.client.query("select pg_logical_emit_message(true, 'pgmove', 'still here')");
  await takeUntil(stream, 'still here');
  await source.client.query('alter system reset wal_sender_timeout');
  await source.client.query('select pg_reload_conf()');
});

test('T12: no table is named to the plugin, so that none is lost by its name or by a new one', async () => {
  await using session = await connect(source.endpoint, { applicationName: 'pgmove/test' });
  const { options } = await probePlugin(session, 's');
  expect(Object.keys(options).filter((name) => /table/.test(name))).toEqual([]);
  const names = ['a b', 'a,b', 'a.b', 'a*b', "a'b", 'a\\b', 'A', 'a'];
  const sqlName = (name: string) => `"s.${name}"."${name}"`;
  const rows = await source.rows(
    ...names.map((name) => `create schema "s.${name}"; create table ${sqlName(name)} (id int)`),
    ...names.map((name) => `insert into ${sqlName(name)} values (1)`),
    `alter table ${sqlName('a')} rename to "new name"`,
    'insert into "s.a"."new name" values (2)',
    `alter table ${sqlName('A')} set schema public`,
    'insert into public."A" values (3)',
  );
  expect(rows.map(({ schema, table }) => [schema, table])).toEqual([
    ...names.map((name) => [`s.${name}`, name]),
    ['s.a', 'new name'],
    ['public', 'A'],
  ]);
});

test('T13: a truncate of several tables is one message for each, cascaded ones too', async () => {
  const messages = await source.stream(
    'create table parent (id int primary key); create table child (p int references parent)',
    'truncate parent cascade',
  );
  expect(messages.filter((each) => each.action === 'T')).toEqual([
    { action: 'T', schema: 'public', table: 'parent' },
    { action: 'T', schema: 'public', table: 'child' },
  ]);
});

test('T16: the point to resume from is behind the commit, and both ends of a transaction name it', async () => {
  const messages = await source.stream(
    'create table ends (a int)',
    'insert into ends values (1)',
    'insert into ends values (2)',
  );
  const ends = messages.flatMap((each) =>
    each.action === 'B' || each.action === 'C' ? [each] : [],
  );
  for (const each of ends) expect(each.endLsn).toBeGreaterThan(each.commitLsn);
  for (let index = 0; index < ends.length; index += 2) {
    expect(ends[index + 1]).toEqual({ ...ends[index], action: 'C' });
  }
  const order = ends.map((each) => each.endLsn);
  expect(order.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(order);
  await using session = await connect(source.endpoint, { applicationName: 'pgmove/test/probe' });
  const { rows } = await session.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
  expect(order.at(-1)).toBeLessThanOrEqual(parseLsn(rows[0]!.lsn));
});

test('T17: a TOASTed value that did not change is absent; with FULL the identity has it', async () => {
  const big = 'x'.repeat(3000);
  const rows = await source.rows(
    `create table toasted (id int primary key, big text, n int);
     alter table toasted alter big set storage external`,
    `insert into toasted values (1, '${big}', 0)`,
    'update toasted set n = 1',
    'alter table toasted replica identity full',
    'update toasted set n = 2',
    'update toasted set big = null',
  );
  expect(rows.map((row) => row.columns?.names)).toEqual([
    ['id', 'big', 'n'],
    ['id', 'n'],
    ['id', 'n'],
    ['id', 'big', 'n'],
  ]);
  expect(identityOf(rows[1]!)).toEqual({ id: '1' });
  expect(identityOf(rows[2]!)).toEqual({ id: '1', big, n: '1' });
  expect(valuesOf(rows[3]!)).toEqual({ id: '1', big: null, n: '2' });
});

test('T18: a change of the key is an update by the old key', async () => {
  const rows = await source.rows(
    `create table keyed (id int primary key, big text);
     alter table keyed alter big set storage external`,
    "insert into keyed values (1, repeat('y', 3000))",
    'update keyed set id = 2',
    'delete from keyed',
  );
  expect(rows[1]).toMatchObject({ action: 'U' });
  expect(valuesOf(rows[1]!)).toEqual({ id: '2' });
  expect(identityOf(rows[1]!)).toEqual({ id: '1' });
  expect(rows[2]?.action).toBe('D');
  expect(rows[2]?.columns).toBeUndefined();
  expect(identityOf(rows[2]!)).toEqual({ id: '2' });
});

test('T19: generated columns are in the stream', async () => {
  const [row] = await source.rows(
    'create table generated (a int, b int generated always as (a * 2) stored)',
    'insert into generated values (4)',
  );
  expect(valuesOf(row!)).toEqual({ a: '4', b: '8' });
});

describe('a database and a role with settings of their own', () => {
  const names = {
    DateStyle: 'SQL, DMY',
    IntervalStyle: 'sql_standard',
    bytea_output: 'escape',
    extra_float_digits: '-5',
    TimeZone: 'Asia/Kolkata',
    xmloption: 'document',
    search_path: 'elsewhere, public',
    statement_timeout: '1s',
    default_transaction_read_only: 'on',
  };

  beforeAll(async () => {
    await source.client.query('create schema elsewhere');
    for (const [name, value] of Object.entries(names)) {
      await source.cluster.run(`alter database app set ${name} = ${quoted(name, value)}`);
      await source.cluster.run(
        `alter role postgres in database app set ${name} = ${quoted(name, value)}`,
      );
    }
  });

  afterAll(async () => {
    await source.cluster.run('alter database app reset all');
    await source.cluster.run('alter role postgres in database app reset all');
  });

  function quoted(name: string, value: string): string {
    return name === 'search_path' ? value : `'${value}'`;
  }

  test('T6, T23, T25: they do not change what the stream says', async () => {
    await expectSameText('settled', {
      a: ['date', "'2024-04-03'"],
      b: ['timestamptz', "'2024-04-03 10:11:12.123456+05'"],
      c: ['interval', "'1 year 2 days -3 hours'"],
      d: ['bytea', "'\\x00275c41'"],
      e: ['float8', "'0.30000000000000004'"],
      f: ['float4', "'0.1'"],
      g: ['regclass', "'public.toasted'::regclass"],
      h: ['tstzrange', "'[2024-01-01 00:00+00,2024-02-01 00:00+00)'"],
      i: ['bytea[]', "array['\\x00'::bytea]"],
    });
  });

  test('T23: options of the connection do not either', async () => {
    await using stream = await source.open({
      endpoint: { ...source.endpoint, options: '-c DateStyle=SQL,DMY -c bytea_output=escape' },
    });
    await source.client.query('create table optioned (a date, b bytea)');
    await source.client.query("insert into optioned values ('2024-04-03', '\\x0041')");
    await source.client.query("select pg_logical_emit_message(true, 'pgmove', 'optioned')");
    const messages = await takeUntil(stream, 'optioned');
    const end = messages.at(-1);
    if (end?.action === 'C') stream.confirm(end.endLsn);
    const row = messages.find((each) => each.action === 'I' && each.table === 'optioned');
    expect(row && 'values' in row && row.values?.texts()).toEqual(['2024-04-03', '\\x0041']);
  });
});

test('T24: money, intervals, infinities and dates before Christ', async () => {
  await expectSameText('times', {
    a: ['money', "'-1234.5'::money"],
    b: ['interval', "'-1 year 2 mons -3 days 04:05:06.789'"],
    c: ['date', "'infinity'"],
    d: ['timestamp', "'-infinity'"],
    e: ['timestamptz', "'0044-03-15 12:00:00 BC'"],
    f: ['timetz', "'24:00:00-12:34'"],
    g: ['date', "'5874897-12-31'"],
  });
});

test('T32: times with a zone name the same instant, by an offset and not by a rule', async () => {
  await source.client.query("alter database app set timezone = 'Europe/Berlin'");
  await expectSameText('zones', {
    // Before zones had whole hours, in a gap, in both hours of an overlap, and far away.
    a: ['timestamptz', "'1850-01-01 12:00:00 Europe/Amsterdam'"],
    b: ['timestamptz', "'2024-03-31 02:30:00 Europe/Berlin'"],
    c: ['timestamptz', "'2024-10-27 02:30:00 CEST'"],
    d: ['timestamptz', "'2024-10-27 02:30:00 CET'"],
    e: ['timestamptz', "'294276-12-31 23:59:59.999999 UTC'"],
    f: ['timetz', "'12:00:00-15:59:59'"],
    g: ['timetz', "'24:00:00+05:30'"],
  });
  const [row] = await source.rows(
    'create table instants (a timestamptz, b timetz)',
    "insert into instants values ('2024-07-01 12:00+02', '12:00+02')",
  );
  expect(valuesOf(row!)).toEqual({ a: '2024-07-01 10:00:00+00', b: '12:00:00+02' });
  await source.client.query('alter database app reset timezone');
});

test('T26: json keeps its text, jsonb null is not SQL NULL, "char" may be a control byte', async () => {
  await expectSameText('documents', {
    a: ['json', `'{"b": 1.0, "a":1,  "a":12345678901234567890, "s":"\\u0041\\n\\"" }'`],
    b: ['jsonb', "'null'"],
    c: ['jsonb', 'null'],
    d: ['jsonb', `'{"a":[1.50,"x\\"y",true]}'`],
    e: ['"char"', 'E\'\\x01\'::"char"'],
    f: ['bool', 'true'],
    g: ['bool', 'false'],
    h: ['bool', 'null'],
    i: ['xml', `'<?xml version="1.0"?><a b="c">é</a>'`],
  });
});

test('T27: the empty string, NULL, \\N and every kind of control character', async () => {
  await expectSameText('strings', {
    a: ['text', "''"],
    b: ['text', 'null'],
    c: ['text', "'\\N'"],
    d: ['text[]', `array['NULL', null, '', '"', '\\', E'a\\nb']`],
    e: ['text', "(select string_agg(chr(i), '') from generate_series(1, 300) i)"],
    f: ['text', "E'\\U0001F600\\uFFFD\\uFFFF'"],
    g: ['char(5)', "'a'"],
    h: ['varchar', "repeat(E'\\\\\"\\n', 50000)"],
  });
});

test('T31: arrays with bounds, ranges, vectors, bits, enums, composites and domains', async () => {
  await source.client.query(
    `create type mood as enum ('so "so"', 'ok'); create type pair as (a int, b text);
     create domain positive as numeric check (value > 0); create domain pairs as pair[]`,
  );
  await expectSameText('shapes', {
    a: ['int[]', "'[0:2]={1,2,3}'"],
    b: ['int[]', "'[-1:0][2:3]={{1,2},{3,null}}'"],
    c: ['tsvector', `'''it''''s'':1A \\\\a:2'`],
    d: ['int4range', "'(1,5]'"],
    e: ['int4multirange', "'{[1,3),[5,9)}'"],
    f: ['bit(5)', "B'10101'"],
    g: ['varbit', "B''"],
    h: ['mood', `'so "so"'`],
    i: ['pair', `row(1, 'a "b", \\')::pair`],
    j: ['positive', '1.50'],
    k: ['pairs', `array[row(1, 'x')::pair]`],
    l: ['point', "'(1e300,-0.1)'"],
    m: ['cidr', "'10.0.0.0/8'"],
    n: ['uuid', "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"],
    o: ['pg_lsn', "'16/B374D848'"],
    p: ['tsquery', "'a & !b'"],
    q: ['mood[]', `array['ok', 'so "so"']::mood[]`],
    r: ['name', "'n'"],
    s: ['path', "'[(0,0),(1,1)]'"],
    t: ['jsonpath', "'$.a[*]'"],
  });
});

test('T68: messages of others are not sent, those outside of a transaction are told apart', async () => {
  const messages = await source.stream(
    "begin; select pg_logical_emit_message(true, 'other', 'x'), pg_logical_emit_message(false, 'pgmove', 'outside'); rollback",
    "select pg_logical_emit_message(true, 'other', E'y')",
  );
  expect(messages.filter((each) => each.action === 'M')).toMatchObject([
    { transactional: false, prefix: 'pgmove', content: 'outside' },
  ]);
});

describe('T8', () => {
  test('a LATIN1 database is read as it is stored, names too', async () => {
    await using latin = await startWalSource({
      createDatabase: `create database app encoding 'LATIN1' template template0 locale 'C'`,
    });
    const [row] = await latin.rows(
      'create table "tablé" ("naïve" text primary key, b text)',
      `insert into "tablé" values ('é', (select string_agg(chr(i), '') from generate_series(1, 255) i))`,
    );
    expect(row).toMatchObject({ table: 'tablé', columns: { names: ['naïve', 'b'] } });
    const all = Array.from({ length: 255 }, (_, index) => String.fromCharCode(index + 1)).join('');
    expect(row?.values?.texts()).toEqual(['é', all]);
  });

  test('a SQL_ASCII database is read while its bytes are UTF-8, and stops where they are not', async () => {
    await using ascii = await startWalSource({
      createDatabase: `create database app encoding 'SQL_ASCII' template template0 locale 'C'`,
    });
    await ascii.client.query("set client_encoding = 'SQL_ASCII'");
    const [row] = await ascii.rows(
      'create table mixed (a text)',
      "insert into mixed values (E'\\xc3\\xa9')",
    );
    expect(row?.values?.texts()).toEqual(['é']);
    await ascii.client.query("insert into mixed values (E'secret \\xe9')");
    await using stream = await ascii.open();
    // The transaction's begin comes, its row does not.
    const error = await (async () => {
      for (;;) await stream.next();
    })().catch((thrown: unknown) => thrown as MigrationError);
    expect(error).toBeInstanceOf(MigrationError);
    expect((error as MigrationError).kind).toBe('dataFailed');
    expect((error as MigrationError).message).toContain('"public"."mixed"');
    expect((error as MigrationError).message).not.toContain('secret');
  });
});
