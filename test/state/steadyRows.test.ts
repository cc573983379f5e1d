import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStores } from '../../shared/state/stores.ts';
import { countAnswers } from './countAnswers.ts';
import { sampleMigration, startState } from './fixtures.ts';
import type { StateFixture } from './fixtures.ts';

let state: StateFixture;

beforeAll(async () => {
  state = await startState();
});
afterAll(() => state.azurite.stop());

test.each([
  ['in the row', 500],
  ['in a blob', 5_000],
])('a migration whose record is %s is read whole only when it has changed', async (_, count) => {
  const names = Array.from({ length: count }, (_unused, number) => `database_${number}`);
  const sample = sampleMigration();
  const record = { ...sample, wanted: { ...sample.wanted, databases: names } };
  const { ref } = record;
  const { migrations } = state.stores;
  const other = openStores(state.settings).migrations;
  await migrations.create(record);

  const whole = await countAnswers(async () => expect(await other.get(ref)).toEqual(record));
  const again = await countAnswers(async () => expect(await other.get(ref)).toEqual(record));
  expect(whole.bytes).toBeGreaterThan(names.join().length);
  expect(again.count).toBe(1);
  expect(again.bytes).toBeLessThan(1_000);

  // What one writes, the other sees with its next read.
  for (let run = 1; run <= 3; run += 1) {
    const [writer, reader] = run % 2 === 0 ? [other, migrations] : [migrations, other];
    await writer.update(ref, (row) => ({ record: { ...row, run } }));
    expect(await reader.get(ref)).toEqual({ ...record, run });
    expect(await writer.get(ref)).toEqual({ ...record, run });
  }
  // What a caller does to its copy stays with it.
  const copy = await other.get(ref);
  copy?.wanted.databases.pop();
  expect((await other.get(ref))?.wanted.databases).toHaveLength(count);

  // A blob lives as long as the row that names it.
  await other.update(ref, (row) => ({
    record: { ...row, wanted: { ...row.wanted, databases: [] } },
  }));
  expect((await migrations.get(ref))?.wanted.databases).toEqual([]);
  await migrations.delete(ref);
  expect(await other.get(ref)).toBeUndefined();
  expect(await migrations.get(ref)).toBeUndefined();
  const next = { ...record, ref: { ...ref, id: `${ref.id}-next` } };
  await other.create(next);
  expect(await migrations.get(ref)).toBeUndefined();
  expect(await migrations.get(next.ref)).toEqual(next);
});
