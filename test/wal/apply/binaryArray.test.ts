import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type pg from 'pg';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { binaryArray } from '../../../shared/wal/apply/binaryArray.ts';
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

/** The texts that the server has for the elements. */
async function readBack(type: string, values: readonly (string | null)[], oid: number) {
  const { rows } = await client.query<{ text: string | null }>(
    `select u::text as text from unnest($1::${type}[]) u`,
    [binaryArray(oid, values)],
  );
  return rows.map(({ text }) => text);
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
  ['varchar', 1043, fc.oneof(ascii, unicode)],
];

test.for(TYPES)('an array of %s is read as its texts would be', async ([type, oid, element]) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(element), { minLength: 1 }), async (values) => {
      expect(await readBack(type, values, oid)).toEqual(values);
    }),
  );
});

test('blanks at the end of char stay', async () => {
  const { rows } = await client.query<{ bytes: number }>(
    'select octet_length(u) as bytes from unnest($1::bpchar[]) u',
    [binaryArray(1042, ['ab   ', ' ', ''])],
  );
  expect(rows.map(({ bytes }) => bytes)).toEqual([5, 1, 0]);
});

test('the ends of the ranges of numbers', async () => {
  const int8 = ['-9223372036854775808', '9223372036854775807', '-4294967296', '4294967295', '-1'];
  expect(await readBack('int8', int8, 20)).toEqual(int8);
});

test('what is no number of its type is refused, not written as another one', () => {
  for (const [oid, text] of [
    [23, '2147483648'],
    [21, '-32769'],
    [23, ''],
    [23, '1.5'],
    [20, 'NaN'],
    [17, '\\xzz'],
  ] as const) {
    expect(() => binaryArray(oid, [text])).toThrow();
  }
});

test('types that are sent as text are not known', () => {
  expect(binaryArray(1700, ['1.0'])).toBeUndefined();
});
