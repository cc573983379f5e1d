import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { startTestCluster } from '../pg/copy/copyPair.ts';
import { migrateRandomTables } from '../replicator/support/randomMigration.ts';
import { runRandomRound } from '../replicator/support/randomRound.ts';
import { randomCase } from '../replicator/support/randomTables.ts';

const ROUNDS = Number(process.env['PROTOCOL_ROUNDS'] ?? 24);
const SCHEMAS = Number(process.env['SCHEMA_RUNS'] ?? 100);
const SEED = Number(process.env['PROTOCOL_SEED'] ?? Date.now() % 100_000);

let source: ThrowawayCluster;
let target: ThrowawayCluster;

beforeAll(async () => {
  const settings = { max_prepared_transactions: '50', max_connections: '150' };
  [source, target] = await Promise.all([startTestCluster({ settings }), startTestCluster()]);
});

afterAll(async () => {
  await Promise.all([source?.stop(), target?.stop()]);
});

describe('copy and stream together', () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const seed = SEED + round;
    // Each kind of round a third of the time.
    const crashes = { crashesSource: round % 3 === 1, crashesTarget: round % 3 === 2 };
    const what = crashes.crashesSource
      ? 'the source'
      : crashes.crashesTarget
        ? 'the target'
        : 'no server';
    it(`lose and double nothing in a long round while ${what} crashes (seed ${seed})`, async () => {
      const result = await runRandomRound({ source, target, seed, seconds: 15, ...crashes });
      console.log(`seed ${seed}: ${JSON.stringify(result.counts)}`);
      expect(result.failures).toEqual([]);
    });
  }

  it(`leave ${SCHEMAS} random schemas equal (seed ${SEED})`, async () => {
    await fc.assert(
      fc.asyncProperty(randomCase(6, 100), async (random) => {
        const { differences, failure } = await migrateRandomTables(source, target, random);
        expect(failure).toBeUndefined();
        expect(differences).toEqual([]);
      }),
      { seed: SEED, numRuns: SCHEMAS, endOnFailure: true },
    );
  });
});
