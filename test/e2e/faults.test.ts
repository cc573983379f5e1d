import { TableClient } from '@azure/data-tables';
import { describe, expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { closeGate, GATED_INDEX_SQL, GATED_TABLE_SQL } from './support/copyGate.ts';
import type { CopyGate } from './support/copyGate.ts';
import { differences, testMigration } from './support/migrations.ts';
import type { TestMigration } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import { OUTSIDE_URL } from './support/testStack.ts';
import type { TestStack } from './support/testStack.ts';
import { waitFor } from './support/waitFor.ts';

let source: ThrowawayCluster;
let target: ThrowawayCluster;
let stack: TestStack;

useTestSite((site) => {
  ({ source, target, stack } = site);
});

interface Standing {
  migration: TestMigration;
  gate: CopyGate;
  database: string;
}

let counter = 0;

/** A migration whose COPY of one table stands in its middle, while other tables are done. */
async function standingCopy(): Promise<Standing> {
  counter += 1;
  const database = `fault_${counter}`;
  await source.createDatabase(database);
  await source.run(
    `${GATED_TABLE_SQL}
     create table other (id int primary key, v text);
     insert into other select i, md5(i::text) from generate_series(1, 2000) i;
     create table third (like other including all);
     insert into third select * from other;`,
    database,
  );
  await target.createDatabase(database);
  const gate = await closeGate(target, database);
  const migration = testMigration({ stack, source, target, databases: [database] });
  await migration.put();
  await gate.reached();
  return { migration, gate, database };
}

async function expectComplete({ migration, database }: Standing): Promise<void> {
  const { currentStatus } = (await migration.ended()).properties;
  expect(currentStatus).toMatchObject({ state: 'Succeeded' });
  expect(await differences(source, target, database)).toEqual([]);
}

/** Whether a lane of the migration's copies has waited for a timer. */
async function hasTimer(migrationId: string): Promise<true | undefined> {
  const hub = `${stack.url}/runtime/webhooks/durabletask/instances`;
  const instances = (await (await fetch(hub)).json()) as { instanceId: string; name: string }[];
  for (const { instanceId, name } of instances) {
    if (name !== 'copyLane' || !instanceId.startsWith(migrationId)) continue;
    const address = `${hub}/${encodeURIComponent(instanceId)}?showHistory=true`;
    const status = (await (await fetch(address)).json()) as {
      historyEvents?: { EventType: string }[];
    };
    if (status.historyEvents?.some(({ EventType }) => EventType === 'TimerFired')) return true;
  }
  return undefined;
}

describe.skipIf(OUTSIDE_URL !== undefined)('in the middle of a copy', () => {
  it('a host that is killed goes on when it is back', async () => {
    const standing = await standingCopy();
    await stack.kill('host');
    await standing.gate.open();
    await stack.start('host');
    await expectComplete(standing);
  });

  it('a replicator that is killed costs the snapshot, and the copy begins again', async () => {
    const standing = await standingCopy();
    await stack.kill('replicator');
    await standing.gate.open();
    await stack.start('replicator');
    await expectComplete(standing);
  });

  it('Azurite that is killed loses nothing of the data', async () => {
    const standing = await standingCopy();
    await stack.kill('azurite');
    await stack.start('azurite');
    await standing.gate.open();
    await expectComplete(standing);
  });

  it('a lane whose claims fail is tried again: the other lanes wait for what it has in hand', async () => {
    const standing = await standingCopy();
    const options = { allowInsecureConnection: true };
    const work = TableClient.fromConnectionString(stack.storage, 'CopyWork', options);
    const id = String((await standing.migration.get()).properties['migrationId']);
    type Work = { partitionKey: string; rowKey: string; record: string };
    const rows = work.listEntities<Work>({ queryOptions: { filter: `PartitionKey eq '${id}'` } });
    const { value: before } = await rows.next();
    if (before === undefined) throw new Error('The work of the copy is missing.');
    const { partitionKey, rowKey, record } = before;
    await work.updateEntity({ partitionKey, rowKey, record: 'nothing to be read' }, 'Merge');
    await standing.gate.open();
    await waitFor('a lane that waits to claim again', () => hasTimer(id));
    await work.updateEntity({ partitionKey, rowKey, record }, 'Merge');
    await expectComplete(standing);
  });

  it('T45: rows of an unlogged table that a crash of the target empties are missed, and copied again', async () => {
    const database = 'unlogged';
    await source.createDatabase(database);
    await source.run(
      `${GATED_INDEX_SQL}
       create unlogged table scratch as select 1 as v from generate_series(1, 100)`,
      database,
    );
    await target.createDatabase(database);
    const gate = await closeGate(target, database);
    const migration = testMigration({ stack, source, target, databases: [database] });
    await migration.put();
    // The rows are in: an index is being built.
    await gate.reached();
    await target.crash();
    await target.start();
    const failed = (await migration.ended()).properties.currentStatus;
    expect(failed).toMatchObject({ state: 'Failed' });
    expect(failed.error).toMatch(/public\.scratch: It is unlogged/);
    await migration.post('resume');
    await expectComplete({ migration, gate, database });
  });

  it('a backend that is killed on the target is tried again', async () => {
    const standing = await standingCopy();
    const pid = await standing.gate.reached();
    const client = await target.connect();
    await client.query('select pg_terminate_backend($1)', [pid]);
    await client.end();
    await standing.gate.open();
    await expectComplete(standing);
  });

  it('a backend that is killed on the source is tried again', async () => {
    const standing = await standingCopy();
    const client = await source.connect();
    await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name like 'pgmove/%/copy%' and datname = $1`,
      [standing.database],
    );
    await client.end();
    await standing.gate.open();
    await expectComplete(standing);
  });

  it('a source that crashes and comes back is copied again under a new snapshot', async () => {
    const standing = await standingCopy();
    await source.crash();
    await standing.gate.open();
    await source.start();
    await expectComplete(standing);
  });

  it('a target that crashes and comes back is filled again', async () => {
    const standing = await standingCopy();
    await target.crash();
    await standing.gate.open();
    await target.start();
    await expectComplete(standing);
  });

  it('a cancel stops it, leaves no snapshot on the source, and a resume completes it', async () => {
    const standing = await standingCopy();
    expect((await standing.migration.patch({ cancel: 'True' })).status).toBe(200);
    expect((await standing.migration.ended()).properties.currentStatus.state).toBe('Canceled');
    await waitFor('the snapshot to be let go', async () => {
      const client = await source.connect();
      const { rows } = await client.query(
        `select from pg_stat_activity where application_name like 'pgmove/%' and datname = $1`,
        [standing.database],
      );
      await client.end();
      return rows.length === 0;
    });
    await standing.gate.open();
    expect((await standing.migration.post('resume')).status).toBe(200);
    await expectComplete(standing);
  });
});
