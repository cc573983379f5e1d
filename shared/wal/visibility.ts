/** A snapshot as `pg_current_snapshot()` writes it; ids are 64 bit, with the epoch. */
export interface TxSnapshot {
  /** Every transaction below it has ended. */
  xmin: bigint;
  /** No transaction from here on has begun. */
  xmax: bigint;
  inProgress: ReadonlySet<bigint>;
}

/**
 * Reads the text of `pg_current_snapshot()`, or of `txid_current_snapshot()` before 13: `xmin:xmax:xip,…`.
 *
 * @throws RangeError for anything else.
 */
export function parseSnapshot(text: string): TxSnapshot {
  const match = /^(\d+):(\d+):([\d,]*)$/.exec(text);
  if (match === null) throw new RangeError(`Not a snapshot: ${text.slice(0, 40)}`);
  const [, xmin = '', xmax = '', xip = ''] = match;
  return {
    xmin: BigInt(xmin),
    xmax: BigInt(xmax),
    inProgress: new Set(xip === '' ? [] : xip.split(',').map(BigInt)),
  };
}

/**
 * Whether the snapshot sees what the transaction did. The stream's ids have 32 bits and no epoch: the
 * one that is nearest to the snapshot's xmax is meant.
 */
export function isSeen(snapshot: TxSnapshot, xid: number): boolean {
  const distance = (xid - Number(snapshot.xmax & 0xffffffffn)) | 0;
  const full = snapshot.xmax + BigInt(distance);
  if (full < snapshot.xmin) return true;
  return full < snapshot.xmax && !snapshot.inProgress.has(full);
}
