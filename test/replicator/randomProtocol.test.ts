import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { startTestCluster } from '../pg/copy/copyPair.ts';
import { runRandomRound } from './support/randomRound.ts';

const SEED = Number(process.env['PROTOCOL_SEED'] ?? 4711);
const ROUNDS = Number(process.env['PROTOCOL_ROUNDS'] ?? 1);
const SECONDS = Number(process.env['PROTOCOL_SECONDS'] ?? 3);

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
    it(`lose and double nothing under random load, kills and doubled copies (seed ${SEED + round})`, async () => {
      const result = await runRandomRound({ source, target, seed: SEED + round, seconds: SECONDS });
      console.log(`seed ${SEED + round}: ${JSON.stringify(result.counts)}`);
      expect(result.failures).toEqual([]);
    });
  }
});
