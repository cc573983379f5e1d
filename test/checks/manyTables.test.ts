import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { DATABASE_RULES } from '../../shared/checks/registry.ts';
import { runRules } from '../../shared/checks/runRules.ts';
import type { PgSession } from '../../shared/pg/connect.ts';
import { startTestCluster } from '../pg/copy/copyPair.ts';
import { newDatabase, ONLINE, open } from './support/ruleBench.ts';

let cluster: ThrowawayCluster;

beforeAll(async () => {
  cluster = await startTestCluster({ settings: { max_locks_per_transaction: '2000' } });
});
afterAll(() => cluster.stop());

/** How many queries all rules make on a database, and how long their messages are. */
async function effortOn(database: string): Promise<{ queries: number; longest: number }> {
  let queries = 0;
  await using source = await open(cluster, database);
  await using target = await open(cluster, 'postgres');
  const counting = (session: PgSession): PgSession => ({
    ...session,
    query: (text, values) => {
      queries += 1;
      return session.query(text, values);
    },
  });
  const outcomes = await runRules(DATABASE_RULES, {
    database,
    spec: ONLINE,
    source: counting(source),
    target: counting(target),
  });
  const found = outcomes.flatMap(({ findings }) => findings);
  expect(found.map(({ message }) => message).join()).not.toMatch(/could not be checked/);
  return { queries, longest: Math.max(...found.map(({ message }) => message.length)) };
}

const tables = (count: number) => `do $$ begin
  for i in 1..${count} loop
    execute format('create table t%s (a float8, b text)', i);
  end loop; end $$`;

test('ten thousand tables take as many queries as ten, and messages of one page', async () => {
  const few = await effortOn(await newDatabase(cluster, tables(10)));
  const many = await effortOn(await newDatabase(cluster, tables(10_000)));
  expect(many.queries).toBe(few.queries);
  expect(many.longest).toBeLessThan(4_000);
}, 120_000);
