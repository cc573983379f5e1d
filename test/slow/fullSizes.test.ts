import { afterAll, beforeAll, expect, it } from 'vitest';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { differences, testMigration } from '../e2e/support/migrations.ts';
import { startTestStack } from '../e2e/support/testStack.ts';
import type { TestStack } from '../e2e/support/testStack.ts';

let source: ThrowawayCluster;
let target: ThrowawayCluster;
let stack: TestStack;

beforeAll(async () => {
  const settings = { fsync: 'off', max_wal_size: '4GB' };
  [source, target, stack] = await Promise.all([
    startThrowawayCluster({ settings }),
    startThrowawayCluster({ settings }),
    startTestStack(),
  ]);
});

afterAll(async () => {
  await Promise.all([stack?.[Symbol.asyncDispose](), source?.stop(), target?.stop()]);
});

async function expectMigrated(database: string): Promise<void> {
  const migration = testMigration({ stack, source, target, databases: [database] });
  await migration.put();
  const { currentStatus } = (await migration.ended(600_000)).properties;
  expect(currentStatus, JSON.stringify(currentStatus)).toMatchObject({ state: 'Succeeded' });
  expect(await differences(source, target, database)).toEqual([]);
}

it('five million rows of one table, copied in parts', async () => {
  await source.createDatabase('large');
  await source.run(
    `create table event (id bigint primary key, at timestamptz, kind int, note text);
     insert into event select i, '2024-01-01'::timestamptz + i * interval '1 second', i % 100, md5(i::text)
       from generate_series(1, 5000000) i;
     create index on event (kind, at); create index on event (note)`,
    'large',
  );
  await expectMigrated('large');
});

it('5,000 tables', async () => {
  await source.createDatabase('wide');
  await source.run(
    `do $$ begin
       for n in 1..5000 loop
         execute format('create table t%s (id serial primary key, v text)', n);
         execute format('insert into t%s (v) select md5(i::text) from generate_series(1, 20) i', n);
         if n % 100 = 0 then commit; end if;
       end loop;
     end $$`,
    'wide',
  );
  await expectMigrated('wide');
});

it('rows of 200 MB', async () => {
  await source.createDatabase('huge');
  await source.run(
    `create table huge (id int primary key, b bytea); alter table huge alter b set storage external;
     insert into huge select i, convert_to(repeat('0123456789abcdef', 13107200), 'UTF8')
       from generate_series(1, 3) i`,
    'huge',
  );
  await expectMigrated('huge');
});
