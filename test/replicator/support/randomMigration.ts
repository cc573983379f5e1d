import type pg from 'pg';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { copyAllOnline } from './copyTables.ts';
import { beginStream, differences, makeOnlinePair, planOnline } from './onlinePair.ts';
import { fillSql, identitySql, tableSql, TYPES_SQL } from './randomTables.ts';
import type { RandomCase } from './randomTables.ts';
import { startStream } from './streamLoop.ts';

/** Moves random tables while they are changed at random; gives what differs in the end. */
export async function migrateRandomTables(
  source: ThrowawayCluster,
  target: ThrowawayCluster,
  { tables, writes }: RandomCase,
): Promise<{ differences: unknown[]; applied: number; failure: unknown }> {
  const pair = await makeOnlinePair(source, target, {
    sql: `${TYPES_SQL} ${tables.map(tableSql).join('; ')}`,
    rows: tables.flatMap((table) => [identitySql(table), fillSql(table, 60)]).join('; '),
  });
  const writer = await source.connect(pair.source.database);
  try {
    await beginStream(pair);
    await using stream = startStream(pair);
    const open = [...writes];
    // One after the other, whoever asks for them.
    let written = Promise.resolve();
    const write = (count: number) =>
      (written = written.then(async () => {
        for (const transaction of open.splice(0, count)) await run(writer, transaction);
      }));
    await write(writes.length / 5);
    await copyAllOnline(pair, await planOnline(pair, { batchTables: 1 }), {
      // Between the copy and the indexes: what is done here is held.
      failPoint: async (name) => {
        if (name === 'committed') await write(writes.length / tables.length / 2);
      },
    });
    while (open.length > 0) {
      await write(10);
      await Promise.race([stream.caughtUp(), stream.ended]);
      if (stream.failure !== undefined) break;
    }
    if (stream.failure === undefined) await stream.caughtUp();
    const { applied } = stream.counters;
    await stream.stop();
    const found = stream.failure === undefined ? await differences(pair) : [];
    return { differences: found, applied, failure: stream.failure };
  } finally {
    await writer.end();
    await pair.close();
  }
}

/** One transaction; where a statement fails, what was before it is rolled back with it. */
async function run(writer: pg.Client, statements: readonly string[]): Promise<void> {
  await writer.query('begin');
  try {
    for (const statement of statements) await writer.query(statement);
    await writer.query('commit');
  } catch {
    await writer.query('rollback');
  }
}
