import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { QUEUES } from '../shared/contracts/names.ts';
import type { ReplicationStatusMessage } from '../shared/contracts/names.ts';
import type { ReplicationRecord, StreamStatus } from '../shared/contracts/records.ts';
import { wantsReplicator } from '../shared/contracts/replication.ts';
import type { Thresholds } from '../shared/contracts/thresholds.ts';
import { safeCause } from '../shared/pg/copy/failure.ts';
import type { SecretStore } from '../shared/secrets/secretStore.ts';
import type { QueueMessage, SampleFigures, Stores } from '../shared/state/stores.ts';
import { fieldsOf } from '../shared/telemetry/fields.ts';
import type { LogFields } from '../shared/telemetry/fields.ts';
import { handOver } from './handOver.ts';
import { claim, leaseUntil, mayClaim, renew } from './lease.ts';
import { observeReplicator } from './metrics.ts';
import { eachOf, RowQueue } from './rowQueue.ts';
import { SessionMessages } from './sessionMessages.ts';
import { SnapshotKeeper } from './snapshotKeeper.ts';
import { StreamKeeper } from './streamKeeper.ts';
import { openThresholdWatch } from './thresholdWatch.ts';
import type { ThresholdWatch } from './thresholdWatch.ts';

/** A lost message only costs time: all rows are looked at this often. */
const SWEEP_EVERY_MS = 3_000;

/** How often the queue is looked at: quickly for a while after a message, because more follow. */
const QUICK_POLL_MS = 60;
const SLOW_POLL_MS = 700;
/** With streams, because a cutover should not wait. */
const STREAM_POLL_MS = 250;
const QUICK_FOR_MS = 2_000;

/** How often a message that is another replicator's is passed on. */
const MOST_PASSES = 6;

export interface ReplicatorOptions {
  stores: Stores;
  secrets: SecretStore;
  log: Logger;
  /** How long a new slot may wait for open transactions, in milliseconds. */
  slotWaitMs: number;
  failedSlotMaxBytes: number;
  /** See Settings. */
  decodingWorkMemMegabytes: number;
  allowedHosts: readonly string[];
  /** Beyond them an event is told. */
  thresholds: Thresholds;
  /** Ends the process's work where another replicator can go on; see handOver.ts. */
  leave: AbortSignal;
  /** How long snapshots, which nobody can take over, are held after that, in milliseconds. */
  graceMs: number;
  /** Called after every turn of the loop in which storage answered. */
  onTurn?: () => void;
  /** Ends everything at once. */
  signal: AbortSignal;
}

/**
 * Works every claimed row of Replications from its desired towards its observed phase, until it is to
 * leave. Then the streams are handed over, and snapshots held as long as the grace allows.
 */
export async function runReplicator(options: ReplicatorOptions): Promise<void> {
  const { stores, log } = options;
  const owner = randomUUID();
  const leave = AbortSignal.any([options.leave, options.signal]);
  await using keeper = new SnapshotKeeper(options, (record, generation, reason) => {
    log.warn({ ...snapshotFields(record), generation }, 'snapshot lost');
    void observe(record, { phase: 'snapshotLost', generation, reason });
  });
  const sessions = new SessionMessages(stores, owner, log);

  const thresholds = openThresholdWatch(stores, options.thresholds, log);
  const note = async (
    record: ReplicationRecord,
    change: Pick<Partial<ReplicationRecord>, 'observed' | 'stream'>,
    isNews: boolean,
  ) => {
    const { id } = record.ref;
    try {
      let isMine = false;
      const row = await stores.replications.update(id, record.database, (current) => {
        isMine = mayClaim(current, owner, Date.now());
        if (!isMine) return undefined;
        return { ...current, ...change, lease: { owner, until: leaseUntil(Date.now()) } };
      });
      if (!isMine) return;
      if (change.stream !== undefined)
        void stores.samples.note(id, record.database, figuresOf(change.stream));
      await lookAtThresholds(thresholds, record, change);
      if (!isNews) return;
      const message: ReplicationStatusMessage = {
        migrationId: id,
        database: record.database,
        instanceId: row.waitingInstanceId,
      };
      await stores.queues.send(QUEUES.replicationStatus, JSON.stringify(message));
    } catch (error) {
      // The row was purged, or storage is away; the next sweep sees what is still wanted.
      log.warn({ ...fieldsOf(record.ref, record.database), error: safeCause(error) }, 'not noted');
    }
  };

  const observe = (record: ReplicationRecord, observed: ReplicationRecord['observed']) =>
    note(record, { observed }, true);
  await using streams = new StreamKeeper({ ...options, observe: note });
  using _observed = observeReplicator(
    () => streams.readings(),
    () => keeper.count,
  );

  const isHeldHere = (record: ReplicationRecord): boolean => {
    const { desired } = record;
    if (desired.phase === 'holdSnapshot') return keeper.holds(record, desired.generation);
    return desired.phase === 'stream' && streams.runs(record);
  };

  const work = async (seen: ReplicationRecord) => {
    const record = await claim(stores, seen, owner, leave.aborted);
    if (record === undefined) return;
    const { desired, observed } = record;
    if (desired.phase === 'released') {
      await keeper.release(record);
      if (observed.phase === 'released') return;
      if (desired.slot !== undefined) await streams.release(record, desired.slot);
      await observe(record, { phase: 'released' });
      await sessions.end(record);
      return;
    }
    if (desired.phase === 'stream') {
      if (!leave.aborted) await streams.follow(record, desired);
      return;
    }
    if (keeper.holds(record, desired.generation)) {
      if (desired.until === undefined || Date.parse(desired.until) > Date.now()) return;
      await keeper.release(record);
      const reason = 'The snapshot was kept for a resume, and the time for it ran out.';
      await observe(record, { phase: 'snapshotLost', generation: desired.generation, reason });
      return;
    }
    if (leave.aborted) return;
    if ('generation' in observed && observed.generation === desired.generation) {
      // Held by a process that is gone: its snapshot went with its connection.
      if (observed.phase !== 'snapshotHeld') return;
      const reason = 'The replicator that held the snapshot ended.';
      await observe(record, { phase: 'snapshotLost', generation: desired.generation, reason });
      return;
    }
    log.info(snapshotFields(record), 'taking a snapshot');
    const taken = await keeper.hold(record, desired, leave);
    // Broken off: the next replicator takes it.
    if (taken.phase === 'failed' && leave.aborted) return;
    await observe(record, taken);
  };

  const rows = new RowQueue(async (record) => {
    await work(record).catch((error: unknown) =>
      log.error(
        { ...fieldsOf(record.ref, record.database), error: safeCause(error) },
        'row not worked on',
      ),
    );
  }, stores);

  const sweep = async () => {
    const own: ReplicationRecord[] = [];
    const held: ReplicationRecord[] = [];
    for await (const record of stores.replications.listUnsettled()) {
      if (!wantsReplicator(record)) continue;
      if (record.lease?.owner === owner) own.push(record);
      if (isHeldHere(record)) held.push(record);
      rows.add(record);
    }
    await eachOf(held, (record) => renew(stores, record, owner));
    await sessions.look(own);
  };

  /** False: nothing was there. */
  const receive = async (): Promise<boolean> => {
    const messages = await stores.queues.receive(QUEUES.replicatorCommands, {
      max: 32,
      signal: leave,
    });
    const take = async (message: QueueMessage) => {
      const record = await rowOf(stores, message.text);
      if (record !== undefined && !mayClaim(record, owner, Date.now())) {
        // It is for another replicator, which gets it if it is not always unlucky.
        if (message.dequeueCount < MOST_PASSES && (await message.hide(0))) return;
      } else if (record !== undefined) {
        rows.add(record);
      }
      await message.delete();
    };
    await Promise.all(messages.map(take));
    return messages.length > 0;
  };

  let lastSweep = 0;
  let lastMessage = Date.now();
  while (!leave.aborted) {
    try {
      if (await receive()) lastMessage = Date.now();
      if (Date.now() - lastSweep >= SWEEP_EVERY_MS) {
        lastSweep = Date.now();
        await sweep();
      }
      options.onTurn?.();
    } catch (error) {
      if (!leave.aborted) log.warn({ error: safeCause(error) }, 'storage did not answer');
    }
    const slowMs = streams.isBusy ? STREAM_POLL_MS : SLOW_POLL_MS;
    const pollMs = Date.now() - lastMessage < QUICK_FOR_MS ? QUICK_POLL_MS : slowMs;
    await sleep(pollMs, undefined, { signal: leave }).catch(() => undefined);
  }
  await handOver({ ...options, owner, keeper, streams, sessions, rows, isHeldHere, observe });
}

/** What of a stream's status is shown as curves. */
function figuresOf(stream: StreamStatus): SampleFigures {
  const { appliedChanges, incomingChanges, latencySeconds, lagBytes, retainedBytes } = stream;
  return { appliedChanges, incomingChanges, latencySeconds, lagBytes, slotBytes: retainedBytes };
}

/** The row that a message is about; undefined: none, or the message is only to wake. */
async function rowOf(
  { replications }: Pick<Stores, 'replications'>,
  text: string,
): Promise<ReplicationRecord | undefined> {
  const { id, database } = JSON.parse(text) as { id: string; database?: string };
  return database === undefined ? undefined : await replications.get(id, database);
}

async function lookAtThresholds(
  thresholds: ThresholdWatch,
  record: ReplicationRecord,
  { observed, stream }: Pick<Partial<ReplicationRecord>, 'observed' | 'stream'>,
): Promise<void> {
  if (observed?.phase !== 'streaming' || stream === undefined) return;
  await thresholds.look(record, { stage: observed.stage, status: stream });
}

function snapshotFields(record: ReplicationRecord): LogFields {
  return { ...fieldsOf(record.ref, record.database), step: 'snapshot' };
}
