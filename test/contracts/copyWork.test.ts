import { describe, expect, it } from 'vitest';
import {
  bytesSoFar,
  claimNext,
  copyEnd,
  noteBytes,
  unitsLeft,
} from '../../shared/contracts/copyWork.ts';
import type { Claim, CopyUnit, CopyWork, UnitResult } from '../../shared/contracts/copyWork.ts';

function newWork(change: Partial<CopyWork> = {}): CopyWork {
  return {
    migrationId: 'm',
    database: 'd',
    owner: 'o',
    generation: 1,
    snapshot: 's',
    batchCount: 2,
    nextBatch: 0,
    followUps: [],
    lanes: {},
    partsDone: {},
    indexesOpen: {},
    broken: {},
    counters: {
      queuedTables: 2,
      loadingTables: 0,
      completedTables: 0,
      erroredTables: 0,
      rowsCopied: 0,
      bytesCopied: 0,
    },
    failures: [],
    reportedOn: '2026-01-01T00:00:00.000Z',
    ...change,
  };
}

const batch = { tablesDone: 1, tablesFailed: 0, rows: 10, bytes: 100, indexCount: 0 };
const done: UnitResult = { ok: true, batch };

function unitOf(claim: Claim): CopyUnit | undefined {
  return claim.next === 'unit' ? claim.unit : undefined;
}

describe('the work of a copy', () => {
  it('counts bytes that are on their way once, and forgets them with their unit', () => {
    const work = newWork();
    claimNext(work, { lane: 'a', sequence: 1 });
    claimNext(work, { lane: 'b', sequence: 1 });
    expect(noteBytes(work, 0, 40)).toBe(true);
    expect(noteBytes(work, 1, 7)).toBe(true);
    expect(noteBytes(work, 1, 9)).toBe(true);
    expect(noteBytes(work, 2, 1_000)).toBe(false);
    expect(bytesSoFar(work)).toBe(49);
    claimNext(work, { lane: 'a', sequence: 2, result: done });
    expect(bytesSoFar(work)).toBe(109);
    expect(noteBytes(work, 0, 100)).toBe(false);
    const failed: UnitResult = { ok: false, kind: 'connectionFailed', message: 'gone' };
    claimNext(work, { lane: 'b', sequence: 2, result: failed });
    expect(bytesSoFar(work)).toBe(100);
  });

  it('lets a lane that helps go when there is nothing for it, and settles what it did once', () => {
    const work = newWork();
    claimNext(work, { lane: 'own', sequence: 1 });
    expect(unitsLeft(work)).toBe(1);
    const helped = claimNext(work, { lane: 'help', sequence: 1, helps: true });
    expect(unitOf(helped)).toMatchObject({ kind: 'batch', batch: 1 });
    expect(claimNext(work, { lane: 'own', sequence: 2, result: done })).toEqual({ next: 'wait' });
    const told = { lane: 'help', sequence: 2, result: done, helps: true } as const;
    for (const _again of [1, 2]) {
      expect(claimNext(work, told)).toEqual({ next: 'end' });
      expect(work.counters).toMatchObject({ completedTables: 2, rowsCopied: 20 });
    }
    expect(Object.keys(work.lanes)).toEqual(['own']);
    expect(claimNext(work, { lane: 'own', sequence: 2 })).toEqual({ next: 'end' });
    expect(copyEnd(work)).toEqual({ end: 'copied' });
  });

  it('gives a lane the same unit for the same claim, and settles it once', () => {
    const work = newWork();
    const first = claimNext(work, { lane: 'a', sequence: 1 });
    expect(claimNext(work, { lane: 'a', sequence: 1 })).toEqual(first);
    const second = claimNext(work, { lane: 'a', sequence: 2, result: done });
    expect(claimNext(work, { lane: 'a', sequence: 2, result: done })).toEqual(second);
    expect(work.counters).toMatchObject({ rowsCopied: 10, completedTables: 1, queuedTables: 1 });
  });

  it('lets a lane wait while another may give rise to more, and ends both at the end', () => {
    const work = newWork({ batchCount: 1 });
    claimNext(work, { lane: 'a', sequence: 1 });
    expect(claimNext(work, { lane: 'b', sequence: 1 })).toEqual({ next: 'wait' });
    const withIndexes: UnitResult = { ok: true, batch: { ...batch, indexCount: 2 } };
    const index = unitOf(claimNext(work, { lane: 'a', sequence: 2, result: withIndexes }));
    expect(index).toMatchObject({ kind: 'index', index: 0 });
    expect(unitOf(claimNext(work, { lane: 'b', sequence: 2 }))).toMatchObject({ index: 1 });
    expect(claimNext(work, { lane: 'a', sequence: 3, result: { ok: true } }).next).toBe('wait');
    const finish = unitOf(claimNext(work, { lane: 'b', sequence: 3, result: { ok: true } }));
    expect(finish).toMatchObject({ kind: 'finish' });
    expect(claimNext(work, { lane: 'b', sequence: 4, result: { ok: true } }).next).toBe('end');
    expect(claimNext(work, { lane: 'a', sequence: 4 }).next).toBe('end');
    expect(copyEnd(work)).toEqual({ end: 'copied' });
  });

  it('copies the parts again that were in when the table began again under another snapshot', () => {
    const work = newWork({ batchCount: 2 });
    const partOf = (generation: number): UnitResult => ({
      ok: true,
      batch: { ...batch, part: { tableId: '7', partCount: 2, generation }, indexCount: 1 },
    });
    claimNext(work, { lane: 'a', sequence: 1 });
    const second = claimNext(work, { lane: 'a', sequence: 2, result: partOf(1) });
    expect(unitOf(second)).toMatchObject({ kind: 'batch', batch: 1 });
    // The second part is of the next generation: the first one is void, and goes again.
    const again = claimNext(work, { lane: 'a', sequence: 3, result: partOf(2) });
    expect(unitOf(again)).toMatchObject({ kind: 'batch', batch: 0 });
    const index = claimNext(work, { lane: 'a', sequence: 4, result: partOf(2) });
    expect(unitOf(index)).toMatchObject({ kind: 'index' });
  });

  it('copies a part again whose result is older than what is known of its table', () => {
    const work = newWork({ batchCount: 2 });
    const partOf = (generation: number): UnitResult => ({
      ok: true,
      batch: { ...batch, part: { tableId: '7', partCount: 2, generation }, indexCount: 1 },
    });
    claimNext(work, { lane: 'a', sequence: 1 });
    claimNext(work, { lane: 'b', sequence: 1 });
    claimNext(work, { lane: 'b', sequence: 2, result: partOf(2) });
    const again = claimNext(work, { lane: 'a', sequence: 2, result: partOf(1) });
    expect(unitOf(again)).toMatchObject({ kind: 'batch', batch: 0 });
    const index = claimNext(work, { lane: 'a', sequence: 3, result: partOf(2) });
    expect(unitOf(index)).toMatchObject({ kind: 'index' });
  });

  it('opens the indexes of a parted table when its last part is in', () => {
    const work = newWork();
    const part = { tableId: '7', partCount: 2 };
    const result: UnitResult = { ok: true, batch: { ...batch, part, indexCount: 1 } };
    claimNext(work, { lane: 'a', sequence: 1 });
    claimNext(work, { lane: 'b', sequence: 1 });
    expect(claimNext(work, { lane: 'a', sequence: 2, result }).next).toBe('wait');
    const unit = unitOf(claimNext(work, { lane: 'b', sequence: 2, result }));
    expect(unit).toMatchObject({ kind: 'index' });
  });

  it('tries again what time may cure, and keeps what it may not', () => {
    const work = newWork({ batchCount: 1 });
    claimNext(work, { lane: 'a', sequence: 1 });
    const lost: UnitResult = { ok: false, kind: 'connectionFailed', message: 'gone' };
    const again = unitOf(claimNext(work, { lane: 'a', sequence: 2, result: lost }));
    expect(again).toEqual({ kind: 'batch', batch: 0, attempt: 1 });
    const bad: UnitResult = { ok: false, kind: 'internal', message: 'defect' };
    expect(claimNext(work, { lane: 'a', sequence: 3, result: bad }).next).toBe('end');
    expect(copyEnd(work)).toEqual({ end: 'failed', message: 'defect' });
  });

  it('gives out nothing more when the snapshot is lost or a cancel is wanted', () => {
    for (const kind of ['snapshotLost', 'canceled'] as const) {
      const work = newWork();
      claimNext(work, { lane: 'a', sequence: 1 });
      const result: UnitResult = { ok: false, kind, message: 'over' };
      expect(claimNext(work, { lane: 'a', sequence: 2, result }).next).toBe('end');
      expect(claimNext(work, { lane: 'b', sequence: 1 }).next).toBe('end');
      expect(copyEnd(work).end).toBe(kind);
    }
  });
});
