/**
 * The raw COPY pipe against pg-copy-streams, in paired runs: `node bench/copyPipe.ts [rows] [rounds]`.
 * Prints wall time and the CPU time of this process for each, and the median of the ratios.
 */
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from, to } from 'pg-copy-streams';
import { startThrowawayCluster } from '../scripts/postgres/throwawayCluster.ts';
import { copyPipe } from '../shared/pg/copy/pipe.ts';

const rowCount = Number(process.argv[2] ?? 10_000_000);
const rounds = Number(process.argv[3] ?? 3);

const TABLE = 'narrow (id int8, customer int4, amount numeric(12,2), at timestamptz)';
const OUT = 'copy narrow to stdout (format binary)';
const IN = 'copy narrow from stdin (format binary, freeze)';

interface Measure {
  wallMs: number;
  cpuMs: number;
}

const ways: Record<string, (source: pg.Client, target: pg.Client) => Promise<unknown>> = {
  raw: (source, target) =>
    copyPipe(source, OUT, target, IN, { signal: new AbortController().signal }),
  'pg-copy-streams': (source, target) => pipeline(source.query(to(OUT)), target.query(from(IN))),
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
  const source = await startThrowawayCluster({ settings: { max_wal_size: '4GB' } });
  const target = await startThrowawayCluster({ settings: { max_wal_size: '4GB' } });
  const [out, into] = [await source.connect(), await target.connect()];
  try {
    await out.query(`create table ${TABLE}`);
    await out.query(
      `insert into narrow select i, i % 100000, i % 9973 / 7.0, now() - i * interval '1 second'
       from generate_series(1, $1::int8) i`,
      [rowCount],
    );
    await out.query('vacuum freeze narrow');
    await into.query(`create table ${TABLE}`);
    const walls: Record<string, Measure[]> = {};
    for (let round = 0; round < rounds; round++) {
      for (const [name, copy] of Object.entries(ways)) {
        await into.query('begin; truncate narrow');
        const result = await measure(() => copy(out, into));
        await into.query('commit; checkpoint');
        (walls[name] ??= []).push(result);
        process.stdout.write(
          `${name}: ${(result.wallMs / 1000).toFixed(2)} s, CPU of Node ${(result.cpuMs / 1000).toFixed(2)} s\n`,
        );
      }
    }
    const [raw = [], streams = []] = [walls['raw'], walls['pg-copy-streams']];
    const ratio = median(raw.map((each, index) => each.wallMs / (streams[index]?.wallMs ?? 1)));
    process.stdout.write(`raw / pg-copy-streams, median of ${rounds}: ${ratio.toFixed(3)}\n`);
  } finally {
    await Promise.all([out.end(), into.end()]);
    await Promise.all([source.stop(), target.stop()]);
  }
}

await main();
