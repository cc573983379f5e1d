/**
 * The raw COPY pipe against pg-copy-streams, in paired runs of two copies at once:
 * `node bench/copyPipe.ts [rows] [rounds]`. Prints wall time and the CPU time of this process for
 * each, and the median of the ratios. The first round warms up and does not count.
 */
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from, to } from 'pg-copy-streams';
import { startThrowawayCluster } from '../scripts/postgres/throwawayCluster.ts';
import { copyPipe } from '../shared/pg/copy/pipe.ts';

const rowCount = Number(process.argv[2] ?? 10_000_000);
const rounds = Number(process.argv[3] ?? 3);

const COLUMNS = '(id int8, customer int4, amount numeric(12,2), at timestamptz)';
const OUT = 'copy narrow to stdout (format binary)';
const inSql = (lane: number) => `copy narrow${lane} from stdin (format binary, freeze)`;

interface Measure {
  wallMs: number;
  cpuMs: number;
}

type Way = (source: pg.Client, target: pg.Client, lane: number) => Promise<unknown>;

const ways: Record<string, Way> = {
  raw: (source, target, lane) =>
    copyPipe(source, OUT, target, inSql(lane), { signal: new AbortController().signal }),
  'pg-copy-streams': (source, target, lane) =>
    pipeline(source.query(to(OUT)), target.query(from(inSql(lane)))),
};

async function measure(work: () => Promise<unknown>): Promise<Measure> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await work();
  const used = process.cpuUsage(cpu);
  return { wallMs: performance.now() - start, cpuMs: (used.user + used.system) / 1000 };
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function main(): Promise<void> {
  const settings = { max_wal_size: '8GB', checkpoint_timeout: '1h', shared_buffers: '512MB' };
  const source = await startThrowawayCluster({ settings });
  const target = await startThrowawayCluster({ settings });
  const lanes = await Promise.all(
    [0, 1].map(async () => ({ out: await source.connect(), into: await target.connect() })),
  );
  try {
    await fill(lanes[0]!.out);
    const measures: Record<string, Measure[]> = {};
    for (let round = 0; round <= rounds; round++) {
      // Who goes first changes, because the second finds the system busier or warmer.
      const order = Object.entries(ways);
      if (round % 2 === 1) order.reverse();
      for (const [name, copy] of order) {
        for (const [lane, { into }] of lanes.entries()) {
          await into.query(
            `drop table if exists narrow${lane}; begin; create table narrow${lane} ${COLUMNS}`,
          );
        }
        const result = await measure(() =>
          Promise.all(lanes.map(({ out, into }, lane) => copy(out, into, lane))),
        );
        for (const { into } of lanes) await into.query('commit');
        await lanes[0]!.into.query('checkpoint');
        if (round > 0) (measures[name] ??= []).push(result);
        process.stdout.write(
          `${name}: ${(result.wallMs / 1000).toFixed(2)} s, CPU of Node ${(result.cpuMs / 1000).toFixed(2)} s\n`,
        );
      }
    }
    for (const each of ['wallMs', 'cpuMs'] as const) {
      const raw = (measures['raw'] ?? []).map((one) => one[each]);
      const streams = (measures['pg-copy-streams'] ?? []).map((one) => one[each]);
      const ratio = median(raw.map((value, index) => value / (streams[index] ?? 1)));
      process.stdout.write(
        `${each}: raw / pg-copy-streams, median of ${rounds}: ${ratio.toFixed(2)}\n`,
      );
    }
  } finally {
    await Promise.all(lanes.flatMap(({ out, into }) => [out.end(), into.end()]));
    await Promise.all([source.stop(), target.stop()]);
  }
}

async function fill(client: pg.Client): Promise<void> {
  await client.query(`create table narrow ${COLUMNS}`);
  await client.query(
    `insert into narrow select i, i % 100000, i % 9973 / 7.0, now() - i * interval '1 second'
     from generate_series(1, $1::int8) i`,
    [rowCount],
  );
  await client.query('vacuum freeze narrow');
}

await main();
