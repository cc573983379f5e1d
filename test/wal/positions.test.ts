import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatLsn, parseLsn } from '../../shared/wal/lsn.ts';
import { isSeen, parseSnapshot } from '../../shared/wal/visibility.ts';

test('an LSN is read and written as PostgreSQL does', () => {
  expect(parseLsn('16/B374D848')).toBe(0x16b374d848n);
  expect(formatLsn(0x16b374d848n)).toBe('16/B374D848');
  expect(formatLsn(0n)).toBe('0/0');
  expect(parseLsn('FFFFFFFF/FFFFFFFF')).toBe(2n ** 64n - 1n);
  for (const text of ['', '0', '/', '0/', 'g/0', '0/123456789', ' 0/0', '0/0\n']) {
    expect(() => parseLsn(text), text).toThrow(RangeError);
  }
  fc.assert(
    fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (lsn) => {
      expect(parseLsn(formatLsn(lsn))).toBe(lsn);
    }),
  );
});

test('a snapshot sees what ended before it and not what ran or came later', () => {
  const snapshot = parseSnapshot('100:110:103,105');
  expect([99, 100, 102, 104, 109].map((xid) => isSeen(snapshot, xid))).toEqual(
    Array.from({ length: 5 }, () => true),
  );
  expect([103, 105, 110, 111].map((xid) => isSeen(snapshot, xid))).toEqual(
    Array.from({ length: 4 }, () => false),
  );
  expect(parseSnapshot('5:5:').inProgress.size).toBe(0);
  for (const text of ['', '1:2', 'a:b:', '1:2:x']) {
    expect(() => parseSnapshot(text), text).toThrow(RangeError);
  }
});

test('T15: ids of 32 bits are compared with a snapshot of 64 bits across the wraparound', () => {
  const epoch = 7n << 32n;
  const wrapped = parseSnapshot(`${epoch - 5n}:${epoch + 10n}:${epoch - 2n},${epoch + 4n}`);
  const low = (id: bigint) => Number(id & 0xffffffffn);
  expect(isSeen(wrapped, low(epoch - 6n))).toBe(true);
  expect(isSeen(wrapped, low(epoch - 3n))).toBe(true);
  expect(isSeen(wrapped, low(epoch - 2n))).toBe(false);
  expect(isSeen(wrapped, 3)).toBe(true);
  expect(isSeen(wrapped, 4)).toBe(false);
  expect(isSeen(wrapped, 10)).toBe(false);

  fc.assert(
    fc.property(
      fc.bigInt(2n ** 31n, 2n ** 60n),
      fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }),
      fc.integer({ min: 0, max: 1000 }),
      (xmax, distance, span) => {
        const full = xmax + BigInt(distance);
        const snapshot = { xmin: xmax - BigInt(span), xmax, inProgress: new Set<bigint>() };
        expect(isSeen(snapshot, low(full))).toBe(full < xmax);
      },
    ),
  );
});
