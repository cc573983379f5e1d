import pino from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { QueueClient } from '@azure/storage-queue';
import { watchSessions } from '../../functions/durable/sessionWatch.ts';
import { leaseUntil } from '../../replicator/lease.ts';
import { SessionMessages } from '../../replicator/sessionMessages.ts';
import { QUEUES } from '../../shared/contracts/names.ts';
import type { ReplicationRecord } from '../../shared/contracts/records.ts';
import { sampleMigration, startState } from '../state/fixtures.ts';
import type { StateFixture } from '../state/fixtures.ts';

let state: StateFixture;
let queue: QueueClient;

beforeAll(async () => {
  state = await startState();
  queue = new QueueClient(state.azurite.connectionString, QUEUES.replicatorSessions);
});
afterAll(() => state.azurite.stop());
beforeEach(() => queue.clearMessages());

const quiet = pino({ level: 'silent' });

function sessionsOf(owner: string, times = {}): SessionMessages {
  return new SessionMessages(state.stores, owner, quiet, times);
}

/** A row whose stream runs, of this owner; undefined: of nobody. */
async function liveRow(owner: string | undefined): Promise<ReplicationRecord> {
  const record: ReplicationRecord = {
    ref: sampleMigration().ref,
    database: 'shop',
    desired: { phase: 'stream', generation: 1, run: 0, slot: 's' },
    observed: { phase: 'none' },
    waitingInstanceId: 'i',
    ...(owner === undefined ? {} : { lease: { owner, until: leaseUntil(Date.now()) } }),
  };
  await state.stores.replications.put(record);
  return record;
}

async function announce(record: ReplicationRecord): Promise<void> {
  const message = { migrationId: record.ref.id, database: record.database };
  await state.stores.queues.send(QUEUES.replicatorSessions, JSON.stringify(message), {
    isKept: true,
  });
}

/** What a scaler counts: hidden messages are in it. */
async function counted(): Promise<number> {
  return (await queue.getProperties()).approximateMessagesCount ?? 0;
}

async function visible(): Promise<number> {
  return (await queue.peekMessages({ numberOfMessages: 32 })).peekedMessageItems.length;
}

test('the owner hides the message of its session, which stays counted until the end', async () => {
  const record = await liveRow('a');
  await announce(record);
  const sessions = sessionsOf('a');
  await sessions.look([record]);
  expect([await counted(), await visible()]).toEqual([1, 0]);
  await sessions.look([record]);
  expect([await counted(), await visible()]).toEqual([1, 0]);
  await sessions.end(record);
  expect(await counted()).toBe(0);
});

test('a message never expires by itself', async () => {
  await announce(await liveRow(undefined));
  const [message] = (await queue.peekMessages()).peekedMessageItems;
  expect(message?.expiresOn.getUTCFullYear()).toBeGreaterThan(2_100);
});

test('a doubled message is deleted, and one of a session that is over as well', async () => {
  const record = await liveRow('a');
  await Promise.all([announce(record), announce(record), announce(record)]);
  const over = await liveRow('a');
  await state.stores.replications.update(over.ref.id, over.database, (row) => ({
    ...row,
    desired: { phase: 'released' },
    observed: { phase: 'released' },
  }));
  await announce(over);
  await announce({ ...record, database: 'no such row' });
  await queue.sendMessage(Buffer.from('{"what":1}').toString('base64'));
  await queue.sendMessage(Buffer.from('not json').toString('base64'));
  await sessionsOf('a').look([record]);
  expect([await counted(), await visible()]).toEqual([1, 0]);
});

test('a message that was lost is made again by the owner, and renewed from then on', async () => {
  const record = await liveRow('a');
  const sessions = sessionsOf('a', { missingForMs: 0, renewEveryMs: 0 });
  await sessions.look([record]);
  await sessions.look([record]);
  await sessions.look([record]);
  expect([await counted(), await visible()]).toEqual([1, 0]);
  await queue.clearMessages();
  // The renewal finds out that it is gone; it is made anew and taken.
  for (let looks = 0; looks < 4; looks += 1) await sessions.look([record]);
  expect([await counted(), await visible()]).toEqual([1, 0]);
});

test('a message of another owner stays counted, and a passed one is visible at once', async () => {
  const record = await liveRow('b');
  await announce(record);
  await sessionsOf('a', { passedOnSeconds: 0 }).look([]);
  expect([await counted(), await visible()]).toEqual([1, 1]);
  const b = sessionsOf('b');
  await b.look([record]);
  expect([await counted(), await visible()]).toEqual([1, 0]);
  await b.pass(record);
  expect([await counted(), await visible()]).toEqual([1, 1]);
});

test('the timer makes the message of a session that nobody has, once in a while', async () => {
  await Promise.all((await all()).map(({ ref, database }) => remove(ref.id, database)));
  await liveRow('alive');
  const abandoned = await liveRow(undefined);
  const now = new Date();
  expect(await watchSessions(state.stores, now)).toEqual([]);
  expect(await watchSessions(state.stores, now)).toEqual([]);
  const messages = (await queue.peekMessages({ numberOfMessages: 32 })).peekedMessageItems;
  const texts = messages.map(({ messageText }) => Buffer.from(messageText, 'base64').toString());
  expect(texts).toEqual([
    JSON.stringify({ migrationId: abandoned.ref.id, database: abandoned.database }),
  ]);
  await watchSessions(state.stores, new Date(now.getTime() + 11 * 60_000));
  // By then the other's owner is silent as well.
  expect(await counted()).toBe(3);
});

async function all(): Promise<ReplicationRecord[]> {
  const rows: ReplicationRecord[] = [];
  for await (const row of state.stores.replications.list()) rows.push(row);
  return rows;
}

const remove = (id: string, database: string) => state.stores.replications.delete(id, database);
