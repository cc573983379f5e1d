import { setTimeout as sleep } from 'node:timers/promises';
import { QUEUES } from '../shared/contracts/names.ts';
import type { ReplicationRecord } from '../shared/contracts/records.ts';
import { safeCause } from '../shared/pg/copy/failure.ts';
import { giveBack, renew } from './lease.ts';
import { eachOf } from './rowQueue.ts';
import type { RowQueue } from './rowQueue.ts';
import type { ReplicatorOptions } from './service.ts';
import { fieldsOf } from '../shared/telemetry/fields.ts';
import type { SessionMessages } from './sessionMessages.ts';
import type { SnapshotKeeper } from './snapshotKeeper.ts';
import type { StreamKeeper } from './streamKeeper.ts';

/** A stream may always finish its group, which takes about this long. */
const STREAM_GRACE_MS = 3_000;

const LOOK_EVERY_MS = 500;

export interface Leaving extends ReplicatorOptions {
  owner: string;
  keeper: SnapshotKeeper;
  streams: StreamKeeper;
  sessions: SessionMessages;
  rows: RowQueue;
  isHeldHere: (record: ReplicationRecord) => boolean;
  observe: (record: ReplicationRecord, observed: ReplicationRecord['observed']) => Promise<void>;
}

/**
 * Ends this process's work so that another replicator, there or to come, goes on at once: each stream
 * stops behind the transaction that it applies, then its lease is given back and a message says so. An
 * exported snapshot goes with its connection, so nobody can take it over: it is held until the copy
 * under it is done, or the grace is over; then it is lost, and its database is copied anew.
 */
export async function handOver(leaving: Leaving): Promise<void> {
  const { stores, streams, rows, signal, graceMs, log } = leaving;
  const streamEnd = endAfter(signal, Math.max(graceMs, STREAM_GRACE_MS));
  const snapshotEnd = endAfter(signal, graceMs);
  log.info('handing over');
  const passAll = async (isPassed: (record: ReplicationRecord) => boolean) => {
    const own: ReplicationRecord[] = [];
    for await (const record of stores.replications.listUnsettled()) {
      if (record.lease?.owner === leaving.owner && isPassed(record)) own.push(record);
    }
    await eachOf(own, (record) => passOn(leaving, record));
  };
  try {
    await Promise.all([
      streams.handOver((record) => passOn(leaving, record), streamEnd),
      passAll((record) => !leaving.isHeldHere(record) && record.desired.phase !== 'released'),
      holdSnapshots(leaving, snapshotEnd),
    ]);
    await rows.idle();
    // One that was being begun at the time.
    await streams.handOver((record) => passOn(leaving, record), streamEnd);
    await loseSnapshots(leaving);
    await passAll(() => true);
  } catch (error) {
    // The leases run out by themselves.
    log.warn({ error: safeCause(error) }, 'not everything was handed over');
  }
}

/** Never throws: one row that is not given back in time must not keep the others. */
async function passOn(leaving: Leaving, record: ReplicationRecord): Promise<void> {
  const { stores, sessions, owner, log } = leaving;
  const { ref, database } = record;
  const names = fieldsOf(ref, database);
  try {
    if (!(await giveBack(stores, record, owner))) return;
    await sessions.pass(record);
    await stores.queues.send(QUEUES.replicatorCommands, JSON.stringify({ id: ref.id, database }));
    log.info(names, 'handed over');
  } catch (error) {
    log.warn({ ...names, error: safeCause(error) }, 'not handed over');
  }
}

/** Goes on with what snapshots need until all are released, or the time is up. */
async function holdSnapshots(leaving: Leaving, end: AbortSignal): Promise<void> {
  const { stores, keeper, rows, sessions, owner, log } = leaving;
  while (keeper.isBusy && !end.aborted) {
    try {
      const held: ReplicationRecord[] = [];
      for await (const record of stores.replications.listUnsettled()) {
        if (leaving.isHeldHere(record)) held.push(record);
        if (record.desired.phase === 'released' && record.lease?.owner === owner) rows.add(record);
      }
      const snapshots = held.filter(({ desired }) => desired.phase === 'holdSnapshot');
      await eachOf(snapshots, (record) => renew(stores, record, owner));
      await sessions.look(snapshots);
      for (const record of snapshots) rows.add(record);
    } catch (error) {
      log.warn({ error: safeCause(error) }, 'storage did not answer');
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal: end }).catch(() => undefined);
  }
}

/** Says so at once, so that nobody works under a snapshot that is about to go. */
async function loseSnapshots({ stores, keeper, observe, log }: Leaving): Promise<void> {
  if (!keeper.isBusy) return;
  for await (const record of stores.replications.listUnsettled()) {
    const { desired } = record;
    if (desired.phase !== 'holdSnapshot' || !keeper.holds(record, desired.generation)) continue;
    log.warn({ ...fieldsOf(record.ref, record.database), step: 'snapshot' }, 'snapshot given up');
    await keeper.release(record);
    const reason = 'The replicator that held the snapshot was stopped.';
    await observe(record, { phase: 'snapshotLost', generation: desired.generation, reason });
  }
}

function endAfter(signal: AbortSignal, ms: number): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(ms)]);
}
