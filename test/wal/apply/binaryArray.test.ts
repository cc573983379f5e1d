import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type pg from 'pg';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { ArrayLiteral } from '../../../shared/wal/apply/arrayLiteral.ts';
import { binaryArray } from '../../../shared/wal/apply/binaryArray.ts';
import type { RowChange } from '../../../shared/wal/messages.ts';
import { createParser } from '../../../shared/wal/parser.ts';
import { TextTuple } from '../../../shared/wal/tuple.ts';
import type { Tuple } from '../../../shared/wal/tuple.ts';
import { startTestCluster } from '../../pg/copy/copyPair.ts';

let cluster: ThrowawayCluster;
let client: pg.Client;

beforeAll(async () => {
  cluster = await startTestCluster();
  client = await cluster.connect();
});

afterAll(async () => {
  await client?.end();
  await cluster?.stop();
});

type Texts = readonly (string | null)[];

function arrayOf(oid: number, rows: readonly Tuple[]): Buffer | undefined {
  return binaryArray(oid, { rows, slots: [...rows.keys()], index: 0 });
}

/** One row for each, of texts that are there. */
function rowsOf(values: Texts): Tuple[] {
  return values.map((value) => new TextTuple([value]));
}

/** The same as they come from the stream: bytes of one chunk. */
function streamedRows(values: Texts): Tuple[] {
  const messages = values.map((value) => {
    const isNumber = value !== null && /^-?[0-9]+$/.test(value) && value !== '-0';
    return Buffer.from(
      '{"action":"I","schema":"s","table":"t","columns":[{"name":"a","typeoid":25,"value":' +
        `${isNumber ? value : JSON.stringify(value)}}]}`,
    );
  });
  const chunk = Buffer.concat(messages);
  const parse = createParser({ encoding: 'UTF8' });
  let at = 0;
  return messages.map(({ length }) => {
    const row = parse(chunk, at, (at += length)) as RowChange;
    return row.values ?? new TextTuple([]);
  });
}

/** The texts that the server has for the elements. */
async function readBack(type: string, rows: readonly Tuple[], oid: number): Promise<Texts> {
  const result = await client.query<{ text: string | null }>(
    `select u::text as text from unnest($1::${type}[]) u`,
    [arrayOf(oid, rows) ?? literalOf(rows)],
  );
  return result.rows.map(({ text }) => text);
}

/** What cannot be said in binary is sent as text. */
function literalOf(rows: readonly Tuple[]): string {
  const literal = new ArrayLiteral(false, ',');
  for (const row of rows) literal.add(row.at(0));
  return literal.toString();
}

const within = (min: bigint, max: bigint) => fc.bigInt({ min, max }).map(String);
const hex = fc
  .uint8Array({ maxLength: 40 })
  .map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`);
const ascii = fc.string({ maxLength: 40 }).map((text) => text.replaceAll('\0', ''));
const long = fc.constantFrom('a'.repeat(1023), 'b'.repeat(1024), 'c'.repeat(70_000), '');
const unicode = fc
  .string({ unit: 'grapheme', maxLength: 20 })
  .map((text) => text.replaceAll('\0', ''));

/** As numeric_out prints it: no exponent, and zeros behind the point stay. */
const numeric = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(fc.constant('0'), within(1n, 10n ** 30n), within(1n, 99_999n)),
    fc.oneof(
      fc.constant(''),
      fc.stringMatching(/^\.[0-9]{1,12}$/),
      fc.stringMatching(/^\.0{1,9}[0-9]$/),
    ),
  )
  .map(([sign, whole, fraction]) => {
    const digits = `${whole}${fraction}`;
    return /[1-9]/.test(digits) ? sign + digits : digits;
  });
const iso = (min: string, max: string) =>
  fc
    .date({ min: new Date(min), max: new Date(max), noInvalidDate: true })
    .map((date) => date.toISOString());
const date = iso('0001-01-01', '9999-12-31').map((text) => text.slice(0, 10));
const timestamp = fc
  .tuple(iso('0001-01-01', '9999-12-31'), fc.constantFrom('', '.5', '.123456', '.000001', '.12'))
  .map(([text, fraction]) => text.slice(0, 19).replace('T', ' ') + fraction);

const TYPES: [string, number, fc.Arbitrary<string>][] = [
  ['int2', 21, within(-32_768n, 32_767n)],
  ['int4', 23, within(-2_147_483_648n, 2_147_483_647n)],
  ['oid', 26, within(0n, 4_294_967_295n)],
  ['int8', 20, within(-9_223_372_036_854_775_808n, 9_223_372_036_854_775_807n)],
  ['int8', 20, within(-9_007_199_254_740_993n, 9_007_199_254_740_993n)],
  ['int8', 20, within(-5_000_000_000n, 5_000_000_000n)],
  ['bytea', 17, hex],
  ['text', 25, fc.oneof(ascii, long)],
  ['text', 25, fc.oneof(ascii, unicode, long)],
  ['uuid', 2950, fc.uuid()],
  ['json', 114, fc.json()],
  ['jsonb', 3802, fc.integer().map((value) => `{"a": [${value}, "x\\n"]}`)],
  ['numeric', 1700, numeric],
  ['date', 1082, date],
  ['timestamp', 1114, timestamp],
  ['timestamptz', 1184, timestamp.map((text) => `${text}+00`)],
  ['varchar', 1043, fc.oneof(ascii, unicode)],
];

test.for(TYPES)('an array of %s is read as its texts would be', async ([type, oid, element]) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(element), { minLength: 1 }), async (values) => {
      expect(await readBack(type, rowsOf(values), oid)).toEqual(values);
      expect(await readBack(type, streamedRows(values), oid)).toEqual(values);
    }),
  );
});

test('blanks at the end of char stay', async () => {
  const { rows } = await client.query<{ bytes: number }>(
    'select octet_length(u) as bytes from unnest($1::bpchar[]) u',
    [arrayOf(1042, rowsOf(['ab   ', ' ', '']))],
  );
  expect(rows.map(({ bytes }) => bytes)).toEqual([5, 1, 0]);
});

test('the ends of the ranges of numbers', async () => {
  const int8 = ['-9223372036854775808', '9223372036854775807', '-4294967296', '4294967295', '-1'];
  expect(await readBack('int8', rowsOf(int8), 20)).toEqual(int8);
  expect(await readBack('int8', streamedRows(int8), 20)).toEqual(int8);
});

test('what is no number of its type is refused, not written as another one', () => {
  for (const [oid, text] of [
    [23, '2147483648'],
    [21, '-32769'],
    [23, ''],
    [23, '1.5'],
    [16, 'true'],
    [701, ''],
    [701, 'x'],
    [2950, 'f81d4fae7dec11d0a76500a0c91e6bf6'],
    [1700, '1e5'],
    [1700, '1.2.3'],
    [1700, '.5'],
    [1700, ''],
    [20, 'NaN'],
    [17, '\\xzz'],
  ] as const) {
    expect(() => arrayOf(oid, rowsOf([text]))).toThrow();
    expect(() => arrayOf(oid, streamedRows([text]))).toThrow();
  }
});

test('true and false', async () => {
  const values = ['t', 'f', null];
  for (const rows of [rowsOf(values), streamedRows(values)]) {
    expect(await readBack('bool', rows, 16)).toEqual(['true', 'false', null]);
  }
});

test('every double keeps its bits', async () => {
  const special = fc.constantFrom('NaN', 'Infinity', '-Infinity', '-0', '5e-324', '1e+300');
  const doubles = fc.oneof(fc.double({ noNaN: true }).map(String), special);
  await fc.assert(
    fc.asyncProperty(fc.array(doubles, { minLength: 1 }), async (values) => {
      const { rows } = await client.query(
        `select from unnest($1::float8[], $2::float8[]) u (a, b)
         where float8send(a) <> float8send(b)`,
        [arrayOf(701, streamedRows(values)), `{${values.join()}}`],
      );
      expect(rows).toEqual([]);
    }),
  );
});

test('numbers that are easily got wrong', async () => {
  const digits = '1234567890'.repeat(200);
  const numbers = [
    [
      '0',
      '0.0',
      '0.000',
      '0.0000',
      '0.00000',
      '-0.00001',
      '10000',
      '100000000',
      '0.0001',
      '0.000000001',
    ],
    [
      '9999',
      '99999999',
      '9999.9999',
      '10000.0001',
      '12345.67890',
      '1.10',
      '1.100',
      '-1',
      '100',
      '1000',
    ],
    [
      digits,
      `${digits}.${digits}`,
      `0.${digits}`,
      `-0.${'0'.repeat(1000)}1`,
      '1' + '0'.repeat(1000),
    ],
    ['NaN', 'Infinity', '-Infinity', null],
  ].flat();
  expect(await readBack('numeric', rowsOf(numbers), 1700)).toEqual(numbers);
  expect(await readBack('numeric', streamedRows(numbers), 1700)).toEqual(numbers);
  // As stored, not only as printed.
  const { rows } = await client.query(
    'select from unnest($1::numeric[], $2::numeric[]) u (a, b) where numeric_send(a) <> numeric_send(b)',
    [arrayOf(1700, rowsOf(numbers)), `{${numbers.map((number) => number ?? 'null').join()}}`],
  );
  expect(rows).toEqual([]);
});

test('dates and times that are easily got wrong', async () => {
  const dates = [
    '2000-01-01',
    '1999-12-31',
    '2000-02-29',
    '1900-02-28',
    '2100-03-01',
    '0001-01-01',
  ];
  expect(arrayOf(1082, rowsOf(dates))).toBeDefined();
  expect(await readBack('date', streamedRows(dates), 1082)).toEqual(dates);
  const times = dates.flatMap((day) => [`${day} 00:00:00`, `${day} 23:59:59.999999`]);
  const near = times.filter((time) => time > '1800');
  expect(arrayOf(1114, rowsOf(near))).toBeDefined();
  expect(await readBack('timestamp', streamedRows(near), 1114)).toEqual(near);
});

test('infinities, other years and texts of another form are left to the server', () => {
  for (const [oid, text] of [
    [1082, 'infinity'],
    [1082, '0044-03-15 BC'],
    [1082, '12024-01-01'],
    [1114, '-infinity'],
    [1114, '0001-01-01 00:00:00 BC'],
    [1114, '9999-12-31 00:00:00'],
    [1114, '2024-01-01 00:00:00.'],
    [1114, '2024-01-01 00:0x:00'],
    [1114, '2024-01-01 00:00:00+00'],
    [1184, '2024-01-01 00:00:00'],
    [1184, '2024-01-01 00:00:00+05:30'],
  ] as const) {
    expect(arrayOf(oid, rowsOf([text])), text).toBeUndefined();
    expect(arrayOf(oid, streamedRows([null, text])), text).toBeUndefined();
  }
});

test('types that are sent as text are not known', () => {
  expect(arrayOf(1186, rowsOf(['1 day']))).toBeUndefined();
});
