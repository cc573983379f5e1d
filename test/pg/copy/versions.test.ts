import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { embeddedBinaries } from '../../../scripts/postgres/serverBinaries.ts';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { portableBaseTypes } from '../../../shared/pg/copy/binaryTypes.ts';
import { listTables } from '../../../shared/pg/copy/tables.ts';
import {
  contentOf,
  copyAll,
  digestOf,
  everything,
  makePair,
  planPair,
  startTestCluster,
  withSession,
} from './copyPair.ts';

/** By the side and the version. */
const clusters = new Map<string, ThrowawayCluster>();

beforeAll(async () => {
  for (const [side, major] of [
    ['from', 10],
    ['from', 12],
    ['from', 15],
    ['into', 15],
    ['into', 18],
  ] as const) {
    const options = major === 15 ? {} : { binaries: await embeddedBinaries(major) };
    clusters.set(`${side} ${major}`, await startTestCluster(options));
  }
});

afterAll(async () => {
  await Promise.all([...clusters.values()].map((cluster) => cluster.stop()));
});

function clustersOf(fromMajor: number, intoMajor: number): [ThrowawayCluster, ThrowawayCluster] {
  return [clusters.get(`from ${fromMajor}`)!, clusters.get(`into ${intoMajor}`)!];
}

/** Values of every type that travels in binary form; arrays and nulls of each. */
const VALUES: Readonly<Record<string, string[]>> = {
  bool: ['true', 'false'],
  bytea: ['\\x', '\\x00ff5c'],
  '"char"': ['a', ''],
  name: ['a name'],
  int8: ['9223372036854775807', '-9223372036854775808'],
  int2: ['-32768'],
  int4: ['2147483647'],
  text: ['', 'é\t\\\n'],
  oid: ['4294967295'],
  tid: ['(1,2)'],
  json: ['{"b": 1.0, "b":  2}'],
  point: ['(0.1,-0)'],
  lseg: ['[(1,2),(3,4)]'],
  path: ['[(1,2),(3,4)]', '((1,2),(3,4))'],
  box: ['(3,4),(1,2)'],
  polygon: ['((1,2),(3,4),(5,6))'],
  line: ['{1,2,3}'],
  cidr: ['10.0.0.0/8', '::/0'],
  float4: ['NaN', '-Infinity', '1.1'],
  float8: ['0.30000000000000004', '-0', '5e-324'],
  circle: ['<(1,2),3>'],
  macaddr8: ['08:00:2b:01:02:03:04:05'],
  money: ['12.34', '-0.01'],
  macaddr: ['08:00:2b:01:02:03'],
  inet: ['192.168.0.1/24', '::1'],
  bpchar: ['pad  '],
  varchar: ['v'],
  date: ['infinity', '0044-03-15 BC', '2024-02-29'],
  time: ['24:00:00', '00:00:00.000001'],
  timestamp: ['-infinity', '294276-12-31 23:59:59.999999'],
  timestamptz: ['infinity', '2024-03-31 02:30+01'],
  interval: ['1 year -2 mons 3 days -04:05:06.7'],
  timetz: ['12:00:00.5+05:30'],
  bit: ['1'],
  varbit: ['', '10110'],
  numeric: ['NaN', '1.10', '-123456789012345678901234567890.000001', '0.000'],
  uuid: ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  pg_lsn: ['FFFFFFFF/0'],
  tsvector: ["'a':1A 'it''s':2,3B"],
  tsquery: ["'a' & !'b' <2> 'c':*A"],
  jsonb: ['null', '{"a": 1.10, "b": [null, "\\u00e9"]}'],
  int4range: ['[1,5)', 'empty', '(,)'],
  numrange: ['(1.10,2.0]'],
  tsrange: ['[2024-01-01,infinity)'],
  tstzrange: ['[2024-01-01 00:00+00,)'],
  daterange: ['[2024-01-01,2024-02-01)'],
  int8range: ['[,5)'],
  int4multirange: ['{[1,3),[5,7)}'],
  nummultirange: ['{}'],
  tsmultirange: ['{[2024-01-01,2024-01-02)}'],
  tstzmultirange: ['{[2024-01-01 00:00+00,)}'],
  datemultirange: ['{[2024-01-01,2024-01-05)}'],
  int8multirange: ['{[1,2)}'],
};

async function typesOf(cluster: ThrowawayCluster): Promise<string[]> {
  const client = await cluster.connect();
  const names = Object.keys(VALUES);
  const { rows } = await client.query<{ name: string; oid: string | null; array: string | null }>(
    `select n as name, to_regtype(n)::oid as oid,
       (select typarray from pg_type where oid = to_regtype(n)) as array from unnest($1::text[]) n`,
    [names],
  );
  await client.end();
  const known = new Map(portableBaseTypes().map(([name, ...oids]) => [name, oids]));
  expect([...known.keys()].toSorted()).toEqual(names.toSorted());
  const present = rows.filter(({ oid }) => oid !== null);
  for (const { name, oid, array } of present) {
    expect([name, Number(oid), Number(array)]).toEqual([name, ...known.get(name)!]);
  }
  return present.map(({ name }) => name);
}

describe.each([
  [15, 15],
  [10, 15],
  [12, 15],
  [15, 18],
  [10, 18],
] as const)('from %i to %i', (fromMajor, intoMajor) => {
  test('T28: every type that travels in binary form arrives unchanged, alone and in arrays', async () => {
    const [from, into] = clustersOf(fromMajor, intoMajor);
    const types = await typesOf(from);
    await typesOf(into);
    const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;
    const filled = (table: string) =>
      types
        .map((type, index) => {
          const values = VALUES[type]!.map((value) => `(${quote(value)}::${type})`);
          return `insert into ${table}${index}
                    select x, array[x, null] from (values ${values.join(', ')}) v (x);
                  insert into ${table}${index} values (null, null), (null, '{}')`;
        })
        .join(';');
    const empty = (table: string) =>
      types
        .map((type, index) => `create table ${table}${index} (one ${type}, many ${type}[])`)
        .join(';');
    const pair = await makePair(from, into, { sql: empty('v'), rows: filled('v') });
    const { batches } = await planPair(pair);
    const formats = new Set(batches.flatMap(({ items }) => items.map(({ format }) => format)));
    expect(formats).toEqual(new Set(['binary']));
    const outcomes = await copyAll(pair);
    expect(outcomes.filter(({ state }) => state === 'failed')).toEqual([]);
    // The text form of floating-point numbers differs by version: the oracle is the target itself.
    await pair.into.query(`${empty('expected')}; ${filled('expected')}`);
    for (const [index, type] of types.entries()) {
      const rowsOf = async (table: string) => {
        const query = `select one::text, many::text from ${table}${index} order by 1, 2`;
        return { type, rows: (await pair.into.query(query)).rows };
      };
      expect(await rowsOf('v')).toEqual(await rowsOf('expected'));
    }
    await pair.close();
  });

  test('large tables are cut into parts, partitions and identity columns are known', async () => {
    const [from, into] = clustersOf(fromMajor, intoMajor);
    const pair = await makePair(from, into, {
      sql: `create table big (id int8 primary key, x text);
            create table p (k int, v int) partition by range (k);
            create table p1 partition of p for values from (0) to (100);
            create table i (a int generated always as identity (start 7), b int)`,
      rows: `insert into big select i * 3 - 100000, repeat('x', 100) from generate_series(1, 300000) i;
             insert into p select i, i from generate_series(0, 99) i; insert into i (b) values (1)`,
    });
    const { batches } = await planPair(pair, { splitThresholdBytes: 8 * 1024 * 1024 });
    expect(batches.filter(({ kind }) => kind === 'part').length).toBeGreaterThanOrEqual(2);
    const outcomes = await copyAll(pair, { splitThresholdBytes: 8 * 1024 * 1024 });
    expect(outcomes.filter(({ state }) => state === 'failed')).toEqual([]);
    expect(await digestOf(pair.into, 'big')).toBe(await digestOf(pair.from, 'big'));
    expect(await contentOf(pair.into, 'i')).toEqual(await contentOf(pair.from, 'i'));
    expect(await contentOf(pair.into, 'p1')).toEqual(await contentOf(pair.from, 'p1'));
    const tables = await withSession(pair.source, (session) => listTables(session, everything));
    expect(tables.find(({ name }) => name === 'p1')).toMatchObject({ isPartition: true });
    expect(tables.find(({ name }) => name === 'p')).toBeUndefined();
    await pair.close();
  });

  test('T34: no part is cut by a text key, whose order may be another one on the target', async () => {
    const [from, into] = clustersOf(fromMajor, intoMajor);
    const pair = await makePair(from, into, {
      sql: 'create table words (word text primary key, filler text)',
      rows: `alter table words alter filler set storage plain;
        insert into words select md5(i::text), repeat('x', 3900) from generate_series(1, 9000) i`,
    });
    const options = { splitThresholdBytes: 1024 * 1024, jobs: 4 };
    const { batches } = await planPair(pair, options);
    const parts = batches.flatMap(({ items }) => items.map(({ part }) => part?.where));
    // By blocks where the server can read a range of them, otherwise not at all.
    if (fromMajor >= 14) expect(parts.length).toBeGreaterThan(1);
    for (const where of parts) {
      if (fromMajor < 14) expect(where).toBeUndefined();
      else expect(where).toMatch(/^ctid [<>]/);
    }
    await copyAll(pair, options);
    expect(await digestOf(pair.into, 'words')).toBe(await digestOf(pair.from, 'words'));
    await pair.close();
  });
});
