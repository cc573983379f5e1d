import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BANK_SQL, startBankLoad } from '../e2e/support/bank.ts';
import { differences, testMigration } from '../e2e/support/migrations.ts';
import type { MigrationAnswer, TestMigration } from '../e2e/support/migrations.ts';
import { useTestSite } from '../e2e/support/testSite.ts';
import type { TestSite } from '../e2e/support/testSite.ts';
import { OUTSIDE_URL } from '../e2e/support/testStack.ts';
import { randomKills, victimsOf } from '../e2e/support/victims.ts';
import { waitFor } from '../e2e/support/waitFor.ts';
import { randomNumbers } from '../host/randomNumbers.ts';

const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 20);
const SEED = Number(process.env['KILL_SEED'] ?? Date.now() % 100_000);
const TIMEOUT_MS = 300_000;

let site: TestSite;

useTestSite((given) => {
  site = given;
});

/** Triggers the cutover, and resumes what failed, until the migration has succeeded. */
async function seeThrough(migration: TestMigration): Promise<MigrationAnswer> {
  let resumes = 0;
  return await waitFor(
    `the success of ${migration.name}`,
    async () => {
      const answer = await migration.get().catch(() => undefined);
      const status = answer?.properties.currentStatus;
      if (status?.state === 'Succeeded') return answer;
      if (status?.currentSubStateDetails.currentSubState === 'WaitingForCutoverTrigger') {
        await migration.patch({ triggerCutover: 'True' }).catch(() => undefined);
      }
      if (status?.state === 'Failed') {
        resumes += 1;
        if (resumes > 5) throw new Error(`It fails again and again: ${JSON.stringify(status)}`);
        await migration.post('resume').catch(() => undefined);
      }
      await delay(200);
      return undefined;
    },
    TIMEOUT_MS,
  );
}

describe.skipIf(OUTSIDE_URL !== undefined)('online, whatever is killed, and whenever', () => {
  const random = randomNumbers(SEED);
  const rounds = Array.from({ length: ROUNDS }, (_, round) => ({
    round,
    // From the slot's making to the last step of the cutover.
    copyKills: randomKills(random, 2, 3_000),
    cutoverKills: randomKills(random, 1, 2_000),
    loadMs: Math.floor(random() * 3_000),
  }));

  it.each(rounds)(
    `the target is the same as the source (seed ${SEED}, round $round)`,
    async ({ round, copyKills, cutoverKills, loadMs }) => {
      const { source, target } = site;
      const database = `kills_${round}`;
      await source.createDatabase(database);
      await source.run(BANK_SQL, database);
      const victims = victimsOf(site);
      const migration = testMigration({
        ...site,
        databases: [database],
        properties: { migrationMode: 'Online', verify: 'hash' },
      });
      let load = startBankLoad(source, database);
      await migration.put();
      for (const { afterMs, victim } of copyKills) {
        await delay(afterMs);
        await victims[victim]?.();
      }
      // A crash of the source has ended the clients.
      await load.stop();
      load = startBankLoad(source, database);
      await delay(loadMs);
      await load.stop();
      const seen = seeThrough(migration);
      for (const { afterMs, victim } of cutoverKills) {
        await delay(afterMs);
        await victims[victim]?.();
      }
      await seen;
      const kills = JSON.stringify({ copyKills, cutoverKills });
      // A target that crashes behind the end of its migration empties its unlogged table.
      const found = await differences(source, target, database);
      expect(
        found.filter((text) => !text.startsWith('rows of public.scratch')),
        kills,
      ).toEqual([]);
      await target.run(`drop database ${database}`);
    },
  );
});
