import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { streamEncoding } from '../../shared/wal/encoding.ts';

let cluster: ThrowawayCluster;
let client: pg.Client;

beforeAll(async () => {
  cluster = await startThrowawayCluster();
  client = await cluster.connect();
  await client.query(
    `create function converted(bytes bytea, encoding text) returns text language plpgsql as
     $$begin return convert_from(bytes, encoding); exception when others then return null; end$$`,
  );
});

afterAll(async () => {
  await client?.end();
  await cluster?.stop();
});

const SINGLE_BYTE = (
  'LATIN1 LATIN2 LATIN3 LATIN4 LATIN5 LATIN6 LATIN7 LATIN8 LATIN9 ISO_8859_5 ISO_8859_6 ' +
  'ISO_8859_7 ISO_8859_8 KOI8R KOI8U WIN866 WIN874 WIN1250 WIN1251 WIN1252 WIN1253 WIN1254 ' +
  'WIN1255 WIN1256 WIN1257 WIN1258'
).split(' ');

test('T8: every byte of every encoding of one byte means what PostgreSQL converts it to', async () => {
  for (const name of SINGLE_BYTE) {
    const { rows } = await client.query<{ byte: number; character: string | null }>(
      `select byte, converted(set_byte('\\x00', 0, byte), $1) as character
         from generate_series(1, 255) byte`,
      [name],
    );
    const decoded = rows.map(({ byte }) => ({
      byte,
      character: streamEncoding(name)?.decode(Buffer.from([byte]), 0, 1) ?? null,
    }));
    expect(decoded, name).toEqual(rows);
  }
});

test('bytes among ASCII are decoded in their places', () => {
  const bytes = Buffer.from('abc\xe9\xe8 d\xe9', 'latin1');
  for (const name of ['LATIN1', 'WIN1252', 'LATIN9']) {
    expect(streamEncoding(name)?.decode(bytes, 1, bytes.length)).toBe('bcéè dé');
  }
  expect(streamEncoding('WIN1252')?.decode(Buffer.from('a\x81', 'latin1'), 0, 2)).toBeUndefined();
});

test('T8: SQL_ASCII and UTF8 take valid UTF-8 only, and keep a replacement character that is there', () => {
  for (const name of ['UTF8', 'SQL_ASCII']) {
    const decode = streamEncoding(name)?.decode;
    const good = Buffer.from('é\ufffd😀');
    expect(decode?.(good, 0, good.length)).toBe('é\ufffd😀');
    for (const bad of [[0xe9], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80]]) {
      expect(decode?.(Buffer.from(bad), 0, bad.length)).toBeUndefined();
    }
  }
});

test('what cannot be decoded exactly is not decoded', () => {
  for (const name of ['EUC_JP', 'EUC_KR', 'EUC_CN', 'MULE_INTERNAL', 'LATIN10', 'nonsense']) {
    expect(streamEncoding(name), name).toBeUndefined();
  }
});
