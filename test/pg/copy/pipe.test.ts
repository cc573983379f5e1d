import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { copyPipe, copyPipeMany } from '../../../shared/pg/copy/pipe.ts';
import { startCuttingProxy } from './cuttingProxy.ts';

const run = promisify(execFile);

let from: ThrowawayCluster;
let into: ThrowawayCluster;
const clients: pg.Client[] = [];

beforeAll(async () => {
  [from, into] = await Promise.all([startThrowawayCluster(), startThrowawayCluster()]);
  await from.run(`create table t (id int, x text);
    insert into t select i, repeat('x', i % 50) from generate_series(1, 200000) i`);
  await into.run('create table t (id int, x text)');
});

afterAll(async () => {
  await Promise.all(clients.map((client) => client.end()));
  await Promise.all([from.stop(), into.stop()]);
});

async function open(cluster: ThrowawayCluster, port = cluster.port): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password: '',
    database: 'postgres',
  });
  client.on('error', () => undefined);
  await client.connect();
  clients.push(client);
  return client;
}

const signal = new AbortController().signal;
const OUT = 'copy t to stdout (format binary)';
const IN = 'copy t from stdin (format binary)';

async function countOf(table: string): Promise<number> {
  const client = await open(into);
  const { rows } = await client.query<{ n: number }>(`select count(*)::int as n from ${table}`);
  return rows[0]!.n;
}

test('rows are counted by both servers, bytes are those of the data, both connections stay usable', async () => {
  const [source, target] = [await open(from), await open(into)];
  let told = 0;
  const result = await copyPipe(source, OUT, target, IN, { signal, onBytes: (n) => (told = n) });
  expect(result.rows).toBe(200_000);
  expect(result.bytes).toBe(told);
  expect((await source.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  expect(await countOf('t')).toBe(200_000);
  await target.query('truncate t');
});

test('many tables go in one round trip, each with its own count', async () => {
  const [source, target] = [await open(from), await open(into)];
  const counts = Array.from({ length: 50 }, (_, index) => index * 7);
  await target.query(counts.map((n) => `create table many_${n} (a int)`).join(';'));
  const results = await copyPipeMany(
    source,
    counts.map((n) => `copy (select generate_series(1, ${n})) to stdout`),
    target,
    counts.map((n) => `copy many_${n} from stdin`),
    { signal },
  );
  expect(results.map(({ rows }) => rows)).toEqual(counts);
});

test('an error of the source is the one that is told, and both connections stay usable', async () => {
  const [source, target] = [await open(from), await open(into)];
  await target.query('begin');
  const failing = 'copy (select 1 / (150000 - id), x from t) to stdout (format binary)';
  await expect(copyPipe(source, failing, target, IN, { signal })).rejects.toMatchObject({
    side: 'source',
    code: '22012',
  });
  await target.query('rollback');
  expect((await source.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  expect(await countOf('t')).toBe(0);
});

test('an error of the target in the middle stops the source', async () => {
  const [source, target] = [await open(from), await open(into)];
  await target.query('begin; alter table t add check (id < 100000)');
  const copying = copyPipe(source, OUT, target, IN, { signal });
  await expect(copying).rejects.toMatchObject({ side: 'target', code: '23514' });
  await target.query('rollback').catch(() => undefined);
  expect(await countOf('t')).toBe(0);
});

test('the failing one of many statements is known by its index', async () => {
  const [source, target] = [await open(from), await open(into)];
  const outs = [OUT, 'copy (select 1) to stdout', OUT];
  const ins = [IN, 'copy missing from stdin', IN];
  await target.query('begin');
  const copying = copyPipeMany(source, outs, target, ins, { signal });
  await expect(copying).rejects.toMatchObject({ side: 'target', index: 1, code: '42P01' });
  await target.end();
  expect(await countOf('t')).toBe(0);
});

test('a connection that is cut in the middle is an error, never a short copy', async () => {
  for (const side of ['source', 'target'] as const) {
    for (const bytes of [150_000, 1_000_003]) {
      await using proxy = await startCuttingProxy(side === 'source' ? from.port : into.port);
      const source = await open(from, side === 'source' ? proxy.port : from.port);
      const target = await open(into, side === 'target' ? proxy.port : into.port);
      await target.query('begin');
      if (side === 'source') proxy.cutAfterBytes = bytes;
      const onBytes = (seen: number) => {
        // The target says nothing during a copy: its connection is cut from the other end.
        if (side === 'target' && seen > bytes) void proxy[Symbol.asyncDispose]();
      };
      const copying = copyPipe(source, OUT, target, IN, { signal, onBytes });
      await expect(copying).rejects.toMatchObject({ side });
      expect(await countOf('t')).toBe(0);
    }
  }
});

test('a killed backend on either side is an error', async () => {
  for (const side of ['source', 'target'] as const) {
    const [source, target] = [await open(from), await open(into)];
    const victim = side === 'source' ? source : target;
    const killer = await open(side === 'source' ? from : into);
    const { rows } = await victim.query<{ pid: number }>('select pg_backend_pid() as pid');
    let killed: Promise<unknown> | undefined;
    const onBytes = () => {
      killed ??= killer.query('select pg_terminate_backend($1)', [rows[0]!.pid]);
    };
    const slow =
      'copy (select a.id, a.x from t a, generate_series(1, 20)) to stdout (format binary)';
    await target.query('begin');
    const copying = copyPipe(source, slow, target, IN, { signal, onBytes });
    await expect(copying).rejects.toMatchObject({ side });
    await killed;
    expect(await countOf('t')).toBe(0);
  }
});

test('the signal ends it at once', async () => {
  const [source, target] = [await open(from), await open(into)];
  const abort = new AbortController();
  const endless =
    'copy (select 1, repeat($$x$$, 100) from generate_series(1, 100000000)) to stdout';
  await expect(
    copyPipe(source, endless, target, 'copy t from stdin', {
      signal: abort.signal,
      onBytes: (bytes) => {
        if (bytes > 1_000_000) abort.abort();
      },
    }),
  ).rejects.toMatchObject({ kind: 'canceled' });
  await expect(copyPipe(source, OUT, target, IN, { signal: abort.signal })).rejects.toMatchObject({
    kind: 'canceled',
  });
  expect(await countOf('t')).toBe(0);
});

test('notices and settings that arrive between the rows are not taken for rows', async () => {
  const [source, target] = [await open(from), await open(into)];
  const notices: string[] = [];
  source.on('notice', (notice) => notices.push(notice.message ?? ''));
  await source.query(`create or replace function noisy(i int) returns int language plpgsql as
    $$begin raise notice 'row %', i; perform set_config('application_name', 'n' || i, false); return i; end$$`);
  const out = 'copy (select noisy(i), null::text from generate_series(1, 3000) i) to stdout';
  const { rows } = await copyPipe(source, out, target, 'copy t from stdin', { signal });
  expect(rows).toBe(3000);
  expect(notices).toHaveLength(3000);
  await target.query('truncate t');
});

test.each(['binary', 'text'])('rows of 100 MB pass in little memory (%s)', async (format) => {
  await from.run(`drop table if exists big; create table big (b bytea);
    alter table big alter b set storage external;
    insert into big select decode(repeat('0123456789abcdef', 6553600 * 2), 'hex') from generate_series(1, 2)`);
  await into.run(`drop table if exists big; create table big (b bytea);
    alter table big alter b set storage external`);
  const script = fileURLToPath(new URL('copyOnce.ts', import.meta.url));
  const { stdout } = await run(process.execPath, [
    script,
    String(from.port),
    String(into.port),
    format,
  ]);
  const { rows, mebibytes } = JSON.parse(stdout) as { rows: number; mebibytes: number };
  expect(rows).toBe(2);
  expect(mebibytes).toBeLessThan(200);
});
