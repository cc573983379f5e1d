import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { MigrationError } from '../../shared/errors/migrationError.ts';
import { connect } from '../../shared/pg/connect.ts';
import { requireSameServer } from '../../shared/wal/copy/tableSnapshot.ts';
import { formatLsn, parseLsn } from '../../shared/wal/lsn.ts';
import type { WalMessage } from '../../shared/wal/messages.ts';
import { readSystemIdentity } from '../../shared/wal/slot.ts';
import type { WalStream } from '../../shared/wal/stream.ts';
import { turnOnTls } from '../pg/copy/tlsServer.ts';
import { isRow, startWalSource, takeUntil } from './walSource.ts';
import type { WalSource } from './walSource.ts';

let source: WalSource;

beforeAll(async () => {
  source = await startWalSource({ schema: 'create table t (id serial primary key, a text)' });
});

afterAll(async () => {
  await source?.[Symbol.asyncDispose]();
});

async function emit(content: string): Promise<void> {
  await source.client.query("select pg_logical_emit_message(true, 'pgmove', $1)", [content]);
}

/** Reads everything there is and says that it is durable. */
async function drain(): Promise<void> {
  await emit('drained');
  await using stream = await source.open();
  confirmLast(stream, await takeUntil(stream, 'drained'));
}

function confirmLast(stream: WalStream, messages: WalMessage[]): void {
  const end = messages.at(-1);
  if (end?.action !== 'C') throw new Error('The messages do not end with a commit.');
  stream.confirm(end.endLsn);
}

function rejection(promise: Promise<unknown>): Promise<MigrationError> {
  return promise.then(
    () => Promise.reject(new Error('It succeeded.')),
    (error: unknown) => error as MigrationError,
  );
}

async function walsenderPid(): Promise<number | null> {
  const { rows } = await source.client.query<{ pid: number | null }>(
    "select active_pid as pid from pg_replication_slots where slot_name = 's'",
  );
  return rows[0]?.pid ?? null;
}

test('changes arrive as they are committed, whole transactions in commit order', async () => {
  await using stream = await source.open();
  for (let index = 0; index < 5; index++) {
    await source.client.query(`insert into t (a) values ('${index}'), ('x${index}')`);
  }
  await emit('five');
  const messages = await takeUntil(stream, 'five');
  expect(messages.map((each) => (isRow(each) ? each.values?.at(1) : each.action)).join(' ')).toBe(
    'B 0 x0 C B 1 x1 C B 2 x2 C B 3 x3 C B 4 x4 C B M C',
  );
  confirmLast(stream, messages);
});

test('T58: the walsender itself is on the server that the slot was made on', async () => {
  await using session = await connect(source.endpoint, { applicationName: 'pgmove/test' });
  const identity = await readSystemIdentity(session);
  const open = (systemIdentifier: string) =>
    source.open({
      checkServer: (walsender) => requireSameServer(walsender, { ...identity, systemIdentifier }),
    });
  const error = await rejection(open('1'));
  expect([error.kind, error.message]).toEqual([
    'slotLost',
    expect.stringContaining('another server than the one that holds the slot'),
  ]);
  await using stream = await open(identity.systemIdentifier);
  await emit('opened');
  confirmLast(stream, await takeUntil(stream, 'opened'));
});

test('wake makes the reader look up, and is not lost when nobody reads yet', async () => {
  await drain();
  await using stream = await source.open();
  const waiting = stream.next();
  stream.wake();
  expect(await waiting).toEqual([]);
  stream.wake();
  expect(await stream.next()).toEqual([]);
  expect(stream.tryNext()).toEqual([]);
});

test('T56: the stream goes on behind what was confirmed, and sends again what was not', async () => {
  await drain();
  await source.client.query("insert into t (a) values ('first')");
  await emit('first');
  await source.client.query("insert into t (a) values ('second')");
  await emit('second');
  {
    await using stream = await source.open();
    const first = await takeUntil(stream, 'first');
    // The end of the second transaction may have come in the same chunk.
    const at = first.findIndex((each) => each.action === 'M' && each.content === 'first') + 1;
    confirmLast(stream, first.slice(0, at + 1));
  }
  await using stream = await source.open();
  const again = await takeUntil(stream, 'second');
  expect(again.filter(isRow).map((each) => each.values?.at(1))).toEqual(['second']);
  confirmLast(stream, again);
});

test('T56: a confirmed position is reported by the timer, without closing', async () => {
  await drain();
  await emit('timer');
  await using stream = await source.open({ feedbackEveryMs: 20 });
  const messages = await takeUntil(stream, 'timer');
  const end = messages.at(-1);
  confirmLast(stream, messages);
  const expected = end?.action === 'C' ? formatLsn(end.endLsn) : '';
  await vi.waitFor(async () => expect(await source.confirmedFlush()).toBe(expected));
});

test('T56: an idle source gives a position to confirm, but not while a message waits', async () => {
  await drain();
  await using stream = await source.open({ feedbackEveryMs: 20 });
  // Log that is not in the stream: another database writes.
  await source.cluster.run('create table if not exists noise (a int)', 'postgres');
  await source.cluster.run('insert into noise select generate_series(1, 1000)', 'postgres');
  const { rows } = await source.client.query<{ lsn: string }>(
    'select pg_current_wal_lsn()::text as lsn',
  );
  const written = rows[0]!.lsn;
  await vi.waitFor(() => expect(stream.idleLsn).toBeGreaterThanOrEqual(parseLsn(written)));
  stream.confirm(stream.idleLsn!);
  const idle = formatLsn(stream.idleLsn!);
  await vi.waitFor(async () => expect(await source.confirmedFlush()).toBe(idle));

  await emit('busy');
  await vi.waitFor(() =>
    expect(stream.receivedLsn > 0n && stream.idleLsn === undefined).toBe(true),
  );
  confirmLast(stream, await takeUntil(stream, 'busy'));
});

test('T66: a reader that does not take bounds what is read, while the server is answered', async () => {
  await drain();
  const rows = 60_000;
  await source.client.query(
    `insert into t (a) select repeat('x', 1000) from generate_series(1, ${rows})`,
  );
  await emit('behind');
  const maxBufferedBytes = 1024 * 1024;
  await using stream = await source.open({ maxBufferedBytes, feedbackEveryMs: 20 });
  const first: WalMessage[] = [];
  while (first.length === 0) first.push(...(await stream.next()));
  // Nothing more is read from some moment on.
  let received = 0n;
  await vi.waitFor(() => {
    const last = received;
    received = stream.receivedLsn;
    expect(received).toBe(last);
  });
  const before = await replyTime();
  // The server's reports of our answers move on although nobody takes a message.
  await vi.waitFor(async () => expect(await replyTime()).not.toBe(before));
  const then = await replyTime();
  await vi.waitFor(async () => expect(await replyTime()).not.toBe(then));
  const waiting = stream.tryNext();
  const bytes = waiting.reduce((sum, each) => sum + (isRow(each) ? each.bytes : 0), 0);
  expect(bytes).toBeGreaterThan(maxBufferedBytes / 2);
  expect(bytes).toBeLessThan(maxBufferedBytes + 512 * 1024);
  const rest = await takeUntil(stream, 'behind');
  expect([...first, ...waiting, ...rest].filter(isRow)).toHaveLength(rows);
  confirmLast(stream, rest);
});

async function replyTime(): Promise<string> {
  const { rows } = await source.client.query<{ reply: string }>(
    'select reply_time::text as reply from pg_stat_replication',
  );
  return rows[0]?.reply ?? '';
}

test('T66: a row of 100 MB costs about its size, not several times', async () => {
  await drain();
  await source.client.query('create table big (id int, a bytea)');
  await source.client.query('alter table big alter a set storage external');
  await source.client.query(
    "insert into big select 1, string_agg(decode(repeat(md5(i::text), 64), 'hex'), '') from generate_series(1, 102400) i",
  );
  const { rows } = await source.client.query<{ length: number; hash: string }>(
    "select length(a) as length, md5('\\x' || encode(a, 'hex')) as hash from big",
  );
  expect(rows[0]!.length).toBe(104_857_600);
  await emit('big');
  await using stream = await source.open();
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 5);
  const before = process.memoryUsage().rss;
  const messages = await takeUntil(stream, 'big');
  clearInterval(watch);
  const row = messages.find(isRow);
  const value = row?.values?.at(1) ?? '';
  expect(value.length).toBe(2 + 2 * 104_857_600);
  expect(createHash('md5').update(value, 'latin1').digest('hex')).toBe(rows[0]!.hash);
  // The message and the value, of 200 MB each, and what the socket and the collector leave behind.
  expect(peak - before).toBeLessThan(560 * 1024 * 1024);
  confirmLast(stream, messages);
});

test('messages that span chunks in every way are put together', async () => {
  await drain();
  const values = Array.from({ length: 200 }, (_, index) =>
    randomBytes(1 + ((index * 7919) % 70_000)).toString('base64'),
  );
  await source.client.query('begin');
  for (const value of values) await source.client.query('insert into t (a) values ($1)', [value]);
  await source.client.query('commit');
  await emit('spans');
  await using stream = await source.open({ maxBufferedBytes: 100_000 });
  const messages = await takeUntil(stream, 'spans');
  expect(messages.filter(isRow).map((each) => each.values?.at(1))).toEqual(values);
  confirmLast(stream, messages);
});

test('a stream over TLS is cut, paused and closed as any other', async () => {
  await using other = await startWalSource({ schema: 'create table t (a text)' });
  await turnOnTls(other.cluster);
  const rows = 5000;
  await other.client.query(
    `insert into t select repeat('é', i % 3000) from generate_series(1, ${rows}) i`,
  );
  await other.client.query("select pg_logical_emit_message(true, 'pgmove', 'encrypted')");
  await using stream = await other.open({
    endpoint: { ...other.endpoint, tls: { mode: 'require' } },
    maxBufferedBytes: 100_000,
  });
  const messages = await takeUntil(stream, 'encrypted');
  const lengths = messages.filter(isRow).map((each) => each.values?.at(0)?.length);
  expect(lengths).toEqual(Array.from({ length: rows }, (_, index) => (index + 1) % 3000));
});

test('a second reader of a slot is refused, to be tried again', async () => {
  await using first = await source.open();
  const error = await rejection(source.open({ plugin: { options: {}, isNullAmbiguous: true } }));
  expect(error.kind).toBe('lockTimeout');
  expect(error.message).toMatch(/is active for PID \d+/);
  await first[Symbol.asyncDispose]();
  // A closed stream has let go of it.
  await using second = await source.open();
  expect(second.tryNext()).toBeInstanceOf(Array);
});

test('a walsender that is ended says so to the reader, at once', async () => {
  await drain();
  await using stream = await source.open();
  const waiting = rejection(stream.next());
  await source.client.query('select pg_terminate_backend($1)', [await walsenderPid()]);
  const error = await waiting;
  expect(error.kind).toBe('connectionFailed');
  expect((await rejection(stream.next())).kind).toBe('connectionFailed');
});

test('a slot that is not there, or in another database, is lost', async () => {
  const plugin = { options: {}, isNullAmbiguous: true };
  expect((await rejection(source.open({ slot: 'nothing', plugin }))).kind).toBe('slotLost');
  const elsewhere = { ...source.endpoint, database: 'postgres' };
  expect((await rejection(source.open({ endpoint: elsewhere, plugin }))).kind).toBe('slotLost');
  const unknown = { options: { 'no-such-option': '1' }, isNullAmbiguous: true };
  expect((await rejection(source.open({ plugin: unknown }))).kind).toBe('versionUnsupported');
});

test('an abort ends the stream, and frees the slot', async () => {
  const controller = new AbortController();
  const stream = await source.open({ signal: controller.signal });
  const waiting = rejection(stream.next());
  controller.abort();
  expect((await waiting).kind).toBe('canceled');
  await stream[Symbol.asyncDispose]();
  await vi.waitFor(async () => expect(await walsenderPid()).toBeNull());
  expect((await rejection(source.open({ signal: controller.signal }))).kind).toBe('canceled');
});

test('closing does not wait for a large transaction that is being sent', async () => {
  await drain();
  await source.client.query(
    "insert into t (a) select repeat('x', 1000) from generate_series(1, 100000)",
  );
  const stream = await source.open({ maxBufferedBytes: 1000 });
  await stream.next();
  const from = performance.now();
  await stream[Symbol.asyncDispose]();
  expect(performance.now() - from).toBeLessThan(3000);
  await vi.waitFor(async () => expect(await walsenderPid()).toBeNull());
  expect((await rejection(stream.next())).kind).toBe('canceled');
});

test('a source that shuts down is let go, and ends the stream', async () => {
  await drain();
  await using other = await startWalSource({ schema: 'create table t (a int)' });
  await using stream = await other.open();
  const waiting = rejection(
    (async () => {
      for (;;) {
        await stream.next();
        if (stream.idleLsn !== undefined) stream.confirm(stream.idleLsn);
      }
    })(),
  );
  await other.client.end();
  await other.cluster.halt();
  expect((await waiting).kind).toBe('connectionFailed');
});
