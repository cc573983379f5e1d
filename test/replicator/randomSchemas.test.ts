import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { startTestCluster } from '../pg/copy/copyPair.ts';
import { migrateRandomTables } from './support/randomMigration.ts';
import { randomCase } from './support/randomTables.ts';

const SEED = Number(process.env['SCHEMA_SEED'] ?? 1);
const RUNS = Number(process.env['SCHEMA_RUNS'] ?? 3);

let source: ThrowawayCluster;
let target: ThrowawayCluster;

beforeAll(async () => {
  [source, target] = await Promise.all([startTestCluster(), startTestCluster()]);
});

afterAll(async () => {
  await Promise.all([source?.stop(), target?.stop()]);
});

describe('tables of random schemas', () => {
  it(`are equal after random changes before, during and after their copy (seed ${SEED})`, async () => {
    await fc.assert(
      fc.asyncProperty(randomCase(5, 60), async (random) => {
        const { differences, failure } = await migrateRandomTables(source, target, random);
        expect(failure).toBeUndefined();
        expect(differences).toEqual([]);
      }),
      // What fails is looked at by its seed: shrinking would take a migration for each step.
      { seed: SEED, numRuns: RUNS, endOnFailure: true },
    );
  });
});
