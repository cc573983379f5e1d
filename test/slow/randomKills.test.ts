import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { differences, testMigration } from '../e2e/support/migrations.ts';
import { useTestSite } from '../e2e/support/testSite.ts';
import { OUTSIDE_URL } from '../e2e/support/testStack.ts';
import type { TestStack } from '../e2e/support/testStack.ts';
import { randomKills, victimsOf } from '../e2e/support/victims.ts';
import { randomNumbers } from '../host/randomNumbers.ts';

const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 20);
const SEED = Number(process.env['KILL_SEED'] ?? Date.now() % 100_000);

let source: ThrowawayCluster;
let target: ThrowawayCluster;
let stack: TestStack;

useTestSite(async (site) => {
  ({ source, target, stack } = site);
  await source.createDatabase('shop');
  await source.run(
    `create table big (id int primary key, v text);
     insert into big select i, repeat(md5(i::text), 4) from generate_series(1, 300000) i;
     create index on big (v);
     create table child (id serial primary key, big_id int references big, at timestamptz);
     insert into child (big_id, at) select i, now() from generate_series(1, 100000) i;
     create table bare (a int, b text);
     insert into bare select i % 7, 'x' from generate_series(1, 100000) i;
     create view seen as select count(*) from big;
     create materialized view kept as select a, count(*) from bare group by a;
     select lo_from_bytea(0, 'abc');`,
    'shop',
  );
  for (let n = 0; n < 40; n += 1) {
    await source.run(
      `create table small_${n} (id serial primary key, v text unique);
       insert into small_${n} (v) select md5(i::text) from generate_series(1, 50) i`,
      'shop',
    );
  }
});

describe.skipIf(OUTSIDE_URL !== undefined)('whatever is killed, and whenever', () => {
  const random = randomNumbers(SEED);
  const rounds = Array.from({ length: ROUNDS }, (_, round) => ({
    round,
    kills: randomKills(random, 2, 2_500),
  }));

  it.each(rounds)(
    `the target is the same as the source (seed ${SEED}, round $round)`,
    async ({ round, kills }) => {
      const name = `shop_${round}`;
      const migration = testMigration({
        stack,
        source,
        target,
        databases: ['shop'],
        properties: { targetDbNames: { shop: name }, verify: 'hash' },
      });
      const victims = victimsOf({ stack, source, target });
      await migration.put();
      for (const { afterMs, victim } of kills) {
        await delay(afterMs);
        await victims[victim]?.();
      }
      let { currentStatus } = (await migration.ended(300_000)).properties;
      // A server may be away for longer than the retries of one step last; a resume is the remedy.
      for (let resumes = 0; currentStatus.state === 'Failed' && resumes < 3; resumes += 1) {
        expect(await migration.post('resume')).toMatchObject({ status: 200 });
        ({ currentStatus } = (await migration.ended(300_000)).properties);
      }
      expect(currentStatus, JSON.stringify(kills)).toMatchObject({ state: 'Succeeded' });
      expect(await differences(source, target, 'shop', name), JSON.stringify(kills)).toEqual([]);
      await target.run(`drop database ${name}`);
    },
  );
});
