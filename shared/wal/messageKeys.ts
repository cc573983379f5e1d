import { matches } from './relations.ts';

/** Attributes of a message that are read; any other is skipped. */
const KEYS = [
  'action',
  'xid',
  'lsn',
  'nextlsn',
  'schema',
  'table',
  'columns',
  'identity',
  'transactional',
  'prefix',
  'content',
] as const;
export type Key = (typeof KEYS)[number];

const KEY_BYTES: ReadonlyMap<number, readonly { key: Key; bytes: Buffer }[]> = new Map(
  [...new Set(KEYS.map((key) => key.length))].map((length) => [
    length,
    KEYS.filter((key) => key.length === length).map((key) => ({ key, bytes: Buffer.from(key) })),
  ]),
);

/** Undefined for an attribute that is not read. */
export function keyAt(bytes: Buffer, start: number, length: number): Key | undefined {
  const candidates = KEY_BYTES.get(length);
  if (candidates === undefined) return undefined;
  for (const candidate of candidates) {
    if (matches(bytes, start, candidate.bytes)) return candidate.key;
  }
  return undefined;
}
