import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrationEvent } from '../../shared/contracts/events.ts';
import type { EventRecord, MigrationRef } from '../../shared/contracts/records.ts';
import { transitionDatabase, transitionMigration } from '../../shared/contracts/transitions.ts';
import { decodeKey, encodeKey } from '../../shared/state/keys.ts';
import { openStores } from '../../shared/state/stores.ts';
import type { OutboxEntry } from '../../shared/state/stores.ts';
import { sampleDatabase, sampleMigration, sampleTable, startState, toArray } from './fixtures.ts';
import type { StateFixture } from './fixtures.ts';

let state: StateFixture;

beforeAll(async () => {
  state = await startState();
});
afterAll(() => state.azurite.stop());

const NOW = '2026-01-02T03:04:05.000Z';
const LARGE = 'ä'.repeat(100_000);

function eventNumber(ref: MigrationRef, i: number): EventRecord {
  return migrationEvent('CutoverReady', ref, NOW, { state: `${i}`, previousState: '' });
}

describe('keys', () => {
  test('every text survives, as lower-case letters, digits, hyphens and underscores', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(encodeKey(text)).toMatch(/^[a-z0-9_-]*$/);
        expect(decodeKey(encodeKey(text))).toBe(Buffer.from(text).toString());
      }),
    );
  });
});

describe('migrations', () => {
  test('a record comes back as it was, found by any case of its name', async () => {
    const record = sampleMigration();
    await state.stores.migrations.create(record);
    expect(await state.stores.migrations.get(record.ref)).toEqual(record);
    const found = await state.stores.migrations.find('S/G/Server', record.ref.name.toUpperCase());
    expect(found).toEqual(record);
  });

  test('a name is taken once', async () => {
    const record = sampleMigration();
    await state.stores.migrations.create(record);
    const other = sampleMigration({ ref: { ...record.ref, id: 'other' } });
    await expect(state.stores.migrations.create(other)).rejects.toMatchObject({
      kind: 'targetOccupied',
    });
  });

  test('a ref of a purged migration does not reach the one that has its name now', async () => {
    const record = sampleMigration();
    await state.stores.migrations.create(record);
    const old = { ...record.ref, id: 'old' };
    expect(await state.stores.migrations.get(old)).toBeUndefined();
    await expect(state.stores.migrations.update(old, (r) => ({ record: r }))).rejects.toMatchObject(
      { kind: 'invalidInput' },
    );
    await state.stores.migrations.delete(old);
    expect(await state.stores.migrations.get(record.ref)).toBeDefined();
  });

  test('many writers at once lose nothing', async () => {
    const record = sampleMigration();
    const { migrations } = state.stores;
    await migrations.create(record);
    const writers = Array.from({ length: 12 }, (_, i) =>
      migrations.update(record.ref, (r) => ({
        record: { ...r, tags: { ...r.tags, [`w${i}`]: 'x' }, run: r.run + 1 },
        events: [eventNumber(r.ref, i)],
      })),
    );
    await Promise.all(writers);
    const after = await migrations.get(record.ref);
    expect(Object.keys(after?.tags ?? {})).toHaveLength(12);
    expect(after?.run).toBe(12);
    const outbox = await migrations.outbox(record.ref);
    expect(new Set(outbox.map((entry) => entry.id)).size).toBe(12);
  });

  test('a record too large for a property is in a blob, and the blob goes with the row', async () => {
    const { migrations, blobs } = state.stores;
    const record = sampleMigration({ tags: { large: LARGE } });
    await migrations.create(record);
    expect(await migrations.get(record.ref)).toEqual(record);
    const small = await migrations.update(record.ref, (r) => ({ record: { ...r, tags: {} } }));
    expect(small.tags).toEqual({});
    expect(await migrations.get(record.ref)).toEqual({ ...record, tags: {} });
    await migrations.update(record.ref, (r) => ({ record: { ...r, tags: { large: LARGE } } }));
    await migrations.delete(record.ref);
    expect(await migrations.get(record.ref)).toBeUndefined();
    expect(await blobs.getJson(`rows/migrations`)).toBeUndefined();
  });

  test('lists by scope and activity, page by page, and everywhere by condition', async () => {
    const { migrations } = state.stores;
    const scope = 's/g/lists';
    for (const [name, isEnded] of [
      ['a', false],
      ['b', true],
      ['c', false],
    ] as const) {
      const base = sampleMigration();
      await migrations.create({
        ...base,
        ref: { ...base.ref, scope, name },
        ...(isEnded
          ? {
              status: { state: 'Succeeded', subState: 'Completed' },
              endedOn: '2020-01-01T00:00:00Z',
            }
          : {}),
      });
    }
    const names = async (filter: 'Active' | 'All') =>
      (await toArray(migrations.list(scope, filter))).map((r) => r.ref.name);
    expect(await names('Active')).toEqual(['a', 'c']);
    expect(await names('All')).toEqual(['a', 'b', 'c']);
    const first = await migrations.page(scope, 'All', { top: 2 });
    const second = await migrations.page(scope, 'All', {
      top: 2,
      continuation: first.continuation,
    });
    expect([...first.rows, ...second.rows].map((r) => r.ref.name)).toEqual(['a', 'b', 'c']);
    expect(second.continuation).toBeUndefined();
    const old = await toArray(migrations.listEverywhere({ endedBefore: '2021-01-01T00:00:00Z' }));
    expect(old.map((r) => r.ref.name)).toEqual(['b']);
    const running = await toArray(migrations.listEverywhere({ ended: false }));
    expect(running.map((r) => r.ref.name)).not.toContain('b');
  });
});

describe('the outbox', () => {
  test('events are in the row until they are cleared, and a later write keeps them', async () => {
    const { migrations } = state.stores;
    const record = sampleMigration();
    await migrations.create(record, [eventNumber(record.ref, 0)]);
    await migrations.update(record.ref, (r) =>
      transitionMigration(r, { state: 'InProgress', subState: 'MigratingData' }, NOW),
    );
    const outbox = await migrations.outbox(record.ref);
    expect(outbox.map((entry) => entry.event.type)).toEqual([
      'CutoverReady',
      'MigrationStateChanged',
    ]);
    await migrations.clearOutbox(record.ref, [outbox[0]?.id ?? '']);
    expect((await migrations.outbox(record.ref)).map((e) => e.id)).toEqual([outbox[1]?.id]);
    const waiting = await toArray(migrations.listEverywhere({ hasOutbox: true }));
    expect(waiting.map((r) => r.ref.id)).toContain(record.ref.id);
  });

  test('a database has its own, and put does not lose it', async () => {
    const { databases } = state.stores;
    const { ref } = sampleMigration();
    const database = 'Größe %/ü';
    await databases.put(sampleDatabase(ref.id, { database }));
    await databases.update(ref.id, database, (r) => transitionDatabase(ref, r, 'Failed', NOW));
    await databases.put(sampleDatabase(ref.id, { database, state: 'Failed', rowsCopied: 7 }));
    const outbox = await databases.outbox(ref.id, database);
    expect(outbox).toHaveLength(1);
    expect((await toArray(databases.listWithOutbox())).map((r) => r.database)).toContain(database);
    await databases.clearOutbox(ref.id, database, [outbox[0]?.id ?? '']);
    expect(await databases.outbox(ref.id, database)).toEqual([]);
    expect((await databases.get(ref.id, database))?.rowsCopied).toBe(7);
    await databases.deleteAll(ref.id);
    expect(await databases.list(ref.id)).toEqual([]);
  });

  test('an event gets one number however often and from how many sides it comes', async () => {
    const { events } = state.stores;
    const { ref } = sampleMigration();
    const entries: OutboxEntry[] = Array.from({ length: 6 }, (_, i) => ({
      id: `${ref.id}.${i}`,
      event: eventNumber(ref, i),
    }));
    const other = openStores(state.settings).events;
    const numbers = (
      await Promise.all([
        ...entries.map((entry) => events.append(ref.id, [entry])),
        other.append(ref.id, entries.slice(0, 4)),
        other.append(ref.id, entries.slice(4)),
      ])
    ).flat();
    expect(numbers.slice(0, 6)).toEqual(numbers.slice(6));
    expect([...new Set(numbers)].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6]);
    const stored = await toArray(events.list(ref.id));
    expect(stored.map((e) => e.sequence)).toEqual([1, 2, 3, 4, 5, 6]);
    const many = Array.from({ length: 120 }, (_, i): OutboxEntry => {
      return { id: `${ref.id}.many.${i}`, event: eventNumber(ref, i) };
    });
    expect(await events.append(ref.id, many)).toEqual(many.map((_, i) => i + 7));
    expect(await other.append(ref.id, many.slice(100))).toEqual(
      many.slice(100, 120).map((_, i) => i + 107),
    );
    await events.deleteAll(ref.id);
    expect(await toArray(events.list(ref.id))).toEqual([]);
  });
});

describe('tables', () => {
  test('rows are packed, merged, filtered, paged and deleted', async () => {
    const { tables } = state.stores;
    const { ref } = sampleMigration();
    const rows = Array.from({ length: 250 }, (_, i) => sampleTable(String(i + 1000)));
    await tables.putMany(ref.id, 'shop', rows);
    await tables.putMany(ref.id, 'shop2', [sampleTable('1')]);
    const big = 9_007_199_254_740_991;
    await tables.updateMany(ref.id, 'shop', [
      { tableId: '1001', state: 'copying', startedOn: NOW },
      { tableId: '1002', state: 'failed', rows: big, bytes: 3_000_000_000, error: LARGE },
      { tableId: '1001', rows: 5 },
    ]);
    await tables.updateMany(ref.id, 'shop', [{ tableId: '1001', startedOn: undefined }]);
    const all = await toArray(tables.all(ref.id, 'shop'));
    const named = await toArray(tables.all(ref.id, 'shop', ['tableId', 'state']));
    expect(named).toMatchObject(all.map(({ tableId, state: is }) => ({ tableId, state: is })));
    expect(all).toHaveLength(250);
    expect(all[0]).toEqual(sampleTable('1000'));
    expect(all[1]).toEqual(sampleTable('1001', { state: 'copying', rows: 5 }));
    expect(all[2]).toMatchObject({ rows: big, bytes: 3_000_000_000, state: 'failed' });
    const failed = await tables.page(ref.id, 'shop', { state: 'failed' });
    expect(failed.rows.map((r) => r.tableId)).toEqual(['1002']);
    const first = await tables.page(ref.id, 'shop', { top: 200 });
    const rest = await tables.page(ref.id, 'shop', { top: 200, continuation: first.continuation });
    expect([first.rows.length, rest.rows.length, rest.continuation]).toEqual([200, 50, undefined]);
    await tables.deleteAll(ref.id, 'shop');
    expect(await toArray(tables.all(ref.id, 'shop'))).toEqual([]);
    expect(await toArray(tables.all(ref.id, 'shop2'))).toHaveLength(1);
  });
});

describe('replications', () => {
  test('a row is claimed by one of several', async () => {
    const { replications } = state.stores;
    const { ref } = sampleMigration();
    await replications.put({
      ref,
      database: 'shop',
      desired: { phase: 'holdSnapshot', generation: 1, include: [], exclude: [] },
      observed: { phase: 'none' },
      waitingInstanceId: ref.id,
    });
    const claims = await Promise.all(
      ['a', 'b', 'c'].map(async (owner) => {
        const row = await replications.update(ref.id, 'shop', (r) =>
          r.lease === undefined ? { ...r, lease: { owner, until: NOW } } : undefined,
        );
        return row.lease?.owner;
      }),
    );
    expect(new Set(claims).size).toBe(1);
    expect(await toArray(replications.list(ref.id))).toHaveLength(1);
    await replications.delete(ref.id, 'shop');
    expect(await replications.get(ref.id, 'shop')).toBeUndefined();
  });
});

describe('rows that several processes write', () => {
  test('what another process wrote is seen before anything is decided', async () => {
    const record = sampleMigration();
    const { migrations } = state.stores;
    const other = openStores(state.settings).migrations;
    await migrations.create(record);
    await other.update(record.ref, (row) => ({ record: { ...row, location: 'elsewhere' } }));
    const seen: string[] = [];
    const updated = await migrations.update(record.ref, (row) => {
      seen.push(row.location);
      return row.location === 'elsewhere' ? undefined : { record: { ...row, location: 'lost' } };
    });
    expect(updated.location).toBe('elsewhere');
    expect(seen.at(-1)).toBe('elsewhere');
    await other.update(record.ref, (row) => ({ record: { ...row, location: 'third' } }));
    await migrations.update(record.ref, (row) => {
      if (row.location !== 'third') throw new Error('refused for what was true before');
      return { record: { ...row, location: 'fourth' } };
    });
    expect((await other.get(record.ref))?.location).toBe('fourth');
    await other.delete(record.ref);
    await expect(
      migrations.update(record.ref, (row) => ({ record: { ...row, location: 'fifth' } })),
    ).rejects.toMatchObject({ kind: 'invalidInput' });
  });

  test('no write of two processes at once is lost, and no event', async () => {
    const record = sampleMigration();
    const [mine, other] = [state.stores.migrations, openStores(state.settings).migrations];
    await mine.create({ ...record, run: 0 });
    const event = eventNumber(record.ref, 0);
    const count = async (store: typeof mine) => {
      for (let i = 0; i < 15; i++) {
        await store.update(record.ref, (row) => ({
          record: { ...row, run: row.run + 1 },
          events: [event],
        }));
      }
    };
    await Promise.all([count(mine), count(other), count(mine)]);
    expect((await mine.get(record.ref))?.run).toBe(45);
    const entries = await other.outbox(record.ref);
    expect(new Set(entries.map(({ id }) => id)).size).toBe(45);
    await mine.clearOutbox(
      record.ref,
      entries.slice(1).map(({ id }) => id),
    );
    expect(await other.outbox(record.ref)).toEqual(entries.slice(0, 1));
  });

  test('a record that a caller changes afterwards is not what is remembered', async () => {
    const record = sampleMigration();
    const { migrations } = state.stores;
    await migrations.create(record);
    const first = await migrations.update(record.ref, (row) => ({ record: { ...row, run: 7 } }));
    first.run = 99;
    const second = await migrations.update(record.ref, (row) => ({
      record: { ...row, location: `${row.run}` },
    }));
    expect(second.location).toBe('7');
  });
});

describe('blobs and queues', () => {
  test('JSON goes in and out, and goes by prefix', async () => {
    const { blobs } = state.stores;
    await blobs.putJson('x/1/plan', { a: [1] });
    await blobs.putJson('x/2', null);
    expect(await blobs.getJson('x/1/plan')).toEqual({ a: [1] });
    await blobs.deletePrefix('x/1/');
    expect(await blobs.getJson('x/1/plan')).toBeUndefined();
    expect(await blobs.getJson('x/2')).toBeNull();
  });

  test.for([0, 1, 3, 40])('%i lines of a blob come back one by one', async (count) => {
    const { blobs } = state.stores;
    const values = Array.from({ length: count }, (_, index) => ({ index, text: LARGE + '\n' }));
    await blobs.putLines('lines/a', () => values);
    const lines = await blobs.getLines<{ index: number; text: string }>('lines/a');
    expect(lines && (await toArray(lines))).toEqual(values);
    expect(await blobs.getLines('lines/b')).toBeUndefined();
  });

  test('a message is received, hidden and deleted', async () => {
    const { queues } = state.stores;
    await queues.send('replicator-commands', 'hällo');
    const [message] = await queues.receive('replicator-commands', { max: 5 });
    expect(message?.text).toBe('hällo');
    expect(await queues.receive('replicator-commands')).toEqual([]);
    await message?.delete();
    await message?.delete();
  });

  test('two installations share an account by a prefix', async () => {
    const other = openStores({ ...state.settings, tablePrefix: 'Other1' });
    await other.ensure();
    const record = sampleMigration();
    await other.migrations.create(record);
    await other.blobs.putJson('a', 1);
    await other.queues.send('replicator-commands', 'x');
    expect(await state.stores.migrations.get(record.ref)).toBeUndefined();
    expect(await state.stores.blobs.getJson('a')).toBeUndefined();
    expect(await other.queues.receive('replicator-commands')).toHaveLength(1);
  });
});
