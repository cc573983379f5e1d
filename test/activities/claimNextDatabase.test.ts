import { randomUUID } from 'node:crypto';
import { TableClient } from '@azure/data-tables';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { claimNextDatabase } from '../../activities/steps/claimNextDatabase.ts';
import { openStores } from '../../shared/state/stores.ts';
import { countAnswers } from '../state/countAnswers.ts';
import { sampleDatabase, startState } from '../state/fixtures.ts';
import type { StateFixture } from '../state/fixtures.ts';

let state: StateFixture;

beforeAll(async () => {
  state = await startState();
});
afterAll(() => state.azurite.stop());

/** Names that would sort otherwise than their places, and that a key cannot hold as they are. */
const nameOf = (order: number) => `Größe '${99 - order}'/ü`;

async function seed(count: number): Promise<string> {
  const migrationId = randomUUID();
  for (let order = 0; order < count; order += 1) {
    await state.stores.databases.put(
      sampleDatabase(migrationId, { database: nameOf(order), order }),
    );
  }
  return migrationId;
}

test('lanes of several processes get each database once, the largest first', async () => {
  const migrationId = await seed(12);
  const processes = [state.stores, openStores(state.settings), openStores(state.settings)];
  const taken: string[] = [];
  const lane = async (number: number) => {
    const stores = processes[number % processes.length] ?? state.stores;
    for (let sequence = 1; ; sequence += 1) {
      const claim = { owner: 'run', lane: number, sequence };
      const claimed = await claimNextDatabase(stores, migrationId, claim);
      if (claimed === undefined) return;
      expect(claimed.openDatabases).toBe(12);
      taken.push(claimed.record.database);
      // Whoever asks again, from any process, gets the same.
      const again = await claimNextDatabase(processes[0] ?? stores, migrationId, claim);
      expect(again).toEqual(claimed);
    }
  };
  await lane(0);
  expect(taken).toEqual(Array.from({ length: 12 }, (_, order) => nameOf(order)));

  const other = await seed(12);
  const claims = Array.from({ length: 12 }, (_, number) =>
    claimNextDatabase(processes[number % 3] ?? state.stores, other, {
      owner: 'run',
      lane: number,
      sequence: 1,
    }),
  );
  const names = (await Promise.all(claims)).map((claimed) => claimed?.record.database);
  expect(new Set(names)).toEqual(new Set(Array.from({ length: 12 }, (_, order) => nameOf(order))));
});

test('a later run takes what has not succeeded; a claim is known after the success too', async () => {
  const migrationId = await seed(4);
  const { databases } = state.stores;
  const first = { owner: 'run', lane: 0, sequence: 1 };
  await claimNextDatabase(state.stores, migrationId, first);
  await databases.update(migrationId, nameOf(0), (row) => ({
    record: { ...row, state: 'Succeeded' },
  }));
  const second = { owner: 'run', lane: 0, sequence: 2 };
  await claimNextDatabase(state.stores, migrationId, second);
  await databases.update(migrationId, nameOf(1), (row) => ({
    record: { ...row, state: 'Failed', generation: 3 },
  }));
  const again = await claimNextDatabase(state.stores, migrationId, first);
  expect([again?.record.database, again?.openDatabases]).toEqual([nameOf(0), 4]);

  const later = await claimNextDatabase(state.stores, migrationId, {
    owner: 'run-1',
    lane: 0,
    sequence: 1,
  });
  expect([later?.record.database, later?.record.generation]).toEqual([nameOf(1), 3]);
  expect(later?.openDatabases).toBe(3);
});

test('rows that were written without the columns are claimed as well', async () => {
  const migrationId = await seed(3);
  const client = TableClient.fromConnectionString(state.azurite.connectionString, 'Databases', {
    allowInsecureConnection: true,
  });
  let count = 0;
  for await (const { partitionKey = '', rowKey = '', ...row } of client.listEntities()) {
    if (partitionKey !== migrationId) continue;
    expect(row).toHaveProperty('place');
    count += 1;
    const { place: _place, claim: _claim, claimOwner: _owner, ...older } = row;
    await client.updateEntity({ ...older, partitionKey, rowKey }, 'Replace');
  }
  expect(count).toBe(3);
  const stores = openStores(state.settings);
  const claims = [1, 2, 3, 4].map((sequence) => ({ owner: 'run', lane: 0, sequence }));
  const names: (string | undefined)[] = [];
  for (const claim of claims) {
    names.push((await claimNextDatabase(stores, migrationId, claim))?.record.database);
  }
  expect(names).toEqual([nameOf(0), nameOf(1), nameOf(2), undefined]);
});

test('a claim reads a few columns of what is open, and nothing of what has succeeded', async () => {
  const migrationId = await seed(60);
  const read = await countAnswers(() => state.stores.databases.list(migrationId));
  const claim = { owner: 'run', lane: 0, sequence: 1 };
  const open = await countAnswers(() => state.stores.databases.listOpen(migrationId, claim));
  expect(open.bytes).toBeLessThan(read.bytes / 3);
  for (let order = 0; order < 50; order += 1) {
    await state.stores.databases.update(migrationId, nameOf(order), (row) => ({
      record: { ...row, state: 'Succeeded' },
    }));
  }
  const rest = await countAnswers(() => state.stores.databases.listOpen(migrationId, claim));
  expect(await state.stores.databases.listOpen(migrationId, claim)).toHaveLength(10);
  expect(rest.bytes).toBeLessThan(open.bytes / 3);
});
