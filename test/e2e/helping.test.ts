import { expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { closeGate, GATED_TABLE_SQL } from './support/copyGate.ts';
import { differences, testMigration } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import type { TestStack } from './support/testStack.ts';
import { waitFor } from './support/waitFor.ts';

let source: ThrowawayCluster;
let target: ThrowawayCluster;
let stack: TestStack;

useTestSite((site) => {
  ({ source, target, stack } = site);
});

it('the job of a database that is done helps with the copy of another one', async () => {
  await source.createDatabase('short');
  await source.run('create table t as select i from generate_series(1, 10) i', 'short');
  await source.createDatabase('long');
  // The larger table is taken first, and its COPY stands at the gate.
  await source.run(
    `${GATED_TABLE_SQL}
     update public.gated set note = repeat('x', 800);
     create table public.other (id int primary key, v text);
     insert into public.other select i, repeat('y', 600) from generate_series(1, 10000) i;
     create index on public.other (v);`,
    'long',
  );
  await target.createDatabase('long');
  const gate = await closeGate(target, 'long');
  const migration = testMigration({
    stack,
    source,
    target,
    databases: ['short', 'long'],
    properties: { jobs: 2 },
  });
  await migration.put();
  await gate.reached();
  const client = await target.connect('long');
  // The only lane of this database stands still.
  await waitFor('the rows of the other table', async () => {
    const { rows } = await client.query<{ count: string }>('select count(*) from public.other');
    return rows[0]?.count === '10000' ? true : undefined;
  });
  await client.end();
  await gate.open();
  expect((await migration.ended()).properties.currentStatus).toMatchObject({ state: 'Succeeded' });
  for (const database of ['short', 'long']) {
    expect(await differences(source, target, database)).toEqual([]);
  }
});
