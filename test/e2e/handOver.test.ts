import { QueueClient } from '@azure/storage-queue';
import { describe, expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { readSettings } from '../../shared/config/settings.ts';
import { QUEUES } from '../../shared/contracts/names.ts';
import type { ReplicationRecord } from '../../shared/contracts/records.ts';
import { openStores } from '../../shared/state/stores.ts';
import { BANK_SQL, startBankLoad } from './support/bank.ts';
import { closeGate, GATED_TABLE_SQL } from './support/copyGate.ts';
import { differences, testMigration } from './support/migrations.ts';
import type { TestMigration } from './support/migrations.ts';
import { watchProgress } from './support/progressWatch.ts';
import { useTestSite } from './support/testSite.ts';
import { OUTSIDE_URL } from './support/testStack.ts';
import type { TestStack } from './support/testStack.ts';
import { waitFor } from './support/waitFor.ts';

let source: ThrowawayCluster;
let target: ThrowawayCluster;
let stack: TestStack;

useTestSite(
  (site) => {
    ({ source, target, stack } = site);
  },
  { settings: { PGMOVE_SHUTDOWN_GRACE_SECONDS: '300' } },
);

async function rowOf(database: string): Promise<ReplicationRecord | undefined> {
  const stores = openStores(readSettings({ AzureWebJobsStorage: stack.storage }));
  for await (const row of stores.replications.list()) if (row.database === database) return row;
  return undefined;
}

/** Live sessions, as a scaler counts them. */
async function sessionCount(): Promise<number> {
  const queue = new QueueClient(stack.storage, QUEUES.replicatorSessions);
  return (await queue.getProperties()).approximateMessagesCount ?? 0;
}

async function ownerOf(database: string): Promise<string | undefined> {
  return (await rowOf(database))?.lease?.owner;
}

/** Another than `before` owns the stream, and it goes on. */
async function takenOver(database: string, before: string | undefined): Promise<string> {
  return await waitFor(`another owner of ${database}`, async () => {
    const owner = await ownerOf(database);
    return owner === before ? undefined : owner;
  });
}

async function expectEqual(migration: TestMigration, database: string): Promise<void> {
  const { currentStatus } = (await migration.ended()).properties;
  expect(currentStatus).toMatchObject({ state: 'Succeeded' });
  expect(await differences(source, target, database)).toEqual([]);
  await waitFor('no session to be left', async () => (await sessionCount()) === 0);
}

describe.skipIf(OUTSIDE_URL !== undefined)('SIGTERM to a replicator', () => {
  it('hands a stream under load to a second one, and to one that starts later', async () => {
    const database = 'handed';
    await source.createDatabase(database);
    await source.run(BANK_SQL, database);
    const load = startBankLoad(source, database);
    const migration = testMigration({
      stack,
      source,
      target,
      databases: [database],
      properties: { migrationMode: 'Online', verify: 'hash' },
    });
    await migration.put();
    await migration.waitForSubState('WaitingForCutoverTrigger');
    await waitFor('its session to be counted', async () => (await sessionCount()) === 1);
    await stack.start('successor');
    const progress = await watchProgress(target, database);
    const first = await ownerOf(database);
    expect(first).toBeDefined();
    stack.terminate('replicator');
    expect(await stack.ended('replicator')).toEqual({ code: 0, signal: null });
    const second = await takenOver(database, first);
    await progress.movedAgain();
    // One owner follows the other, and the session stays counted.
    expect(await sessionCount()).toBe(1);
    const waitingPause = progress.longestPauseMs();

    stack.terminate('successor');
    expect(await stack.ended('successor')).toEqual({ code: 0, signal: null });
    const before = load.committed;
    await waitFor('load meanwhile', () => Promise.resolve(load.committed > before + 50));
    expect(await ownerOf(database)).toBeUndefined();
    await stack.start('replicator');
    await takenOver(database, second);
    await progress.movedAgain();
    await load.stop();
    await progress.stop();
    await migration.patch({ triggerCutover: 'True' });
    await expectEqual(migration, database);
    process.stdout.write(`The stream stood still for ${Math.round(waitingPause)} ms at most.\n`);
  });

  it('lets a copy under its snapshot end, and then ends', async () => {
    const { database, gate, migration } = await standingCopy('held');
    await sayFarewell();
    await stack.start('successor');
    await gate.open();
    await expectEqual(migration, database);
    expect(await stack.ended('replicator')).toEqual({ code: 0, signal: null });
    const { currentSubStateDetails } = (await migration.get()).properties.currentStatus;
    expect(currentSubStateDetails.dbDetails?.[database]).toMatchObject({
      migrationState: 'Succeeded',
    });
    // The first snapshot was enough.
    expect((await rowOf(database))?.desired.phase).toBe('released');
    expect(await stack.wholeLog('successor')).not.toContain('taking a snapshot');
    stack.terminate('successor');
    await stack.ended('successor');
    await stack.start('replicator');
  });

  it('ends at once when it is told twice; the copy begins again', async () => {
    const { database, gate, migration } = await standingCopy('twice');
    await sayFarewell();
    stack.terminate('replicator');
    expect(await stack.ended('replicator')).toEqual({ code: 0, signal: null });
    expect((await rowOf(database))?.observed).toMatchObject({ phase: 'snapshotLost' });
    await gate.open();
    await stack.start('replicator');
    await expectEqual(migration, database);
  });
});

/** The replicator is told to end and has begun to: a signal sent before that would be the same one. */
async function sayFarewell(): Promise<void> {
  const farewells = async () => (await stack.wholeLog('replicator')).split('handing over').length;
  const before = await farewells();
  stack.terminate('replicator');
  await waitFor('its farewell', async () => (await farewells()) > before);
}

/** An offline migration whose COPY of one table stands in its middle. */
async function standingCopy(database: string) {
  await source.createDatabase(database);
  await source.run(GATED_TABLE_SQL, database);
  await target.createDatabase(database);
  const gate = await closeGate(target, database);
  const migration = testMigration({ stack, source, target, databases: [database] });
  await migration.put();
  await gate.reached();
  return { database, gate, migration };
}
