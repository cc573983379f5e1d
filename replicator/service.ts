import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { QUEUES } from '../shared/contracts/names.ts';
import type { ReplicationStatusMessage } from '../shared/contracts/names.ts';
import type { ReplicationRecord } from '../shared/contracts/records.ts';
import { messageOf } from '../shared/errors/migrationError.ts';
import type { SecretStore } from '../shared/secrets/secretStore.ts';
import type { Stores } from '../shared/state/stores.ts';
import { leaseUntil, mayClaim, RENEW_EVERY_MS } from './lease.ts';
import { SnapshotKeeper } from './snapshotKeeper.ts';
import { StreamKeeper } from './streamKeeper.ts';

/** A lost message only costs time: all rows are looked at this often. */
const SWEEP_EVERY_MS = 3_000;

/** How often the queue is looked at: quickly for a while after a message, because more follow. */
const QUICK_POLL_MS = 60;
const SLOW_POLL_MS = 700;
/** With streams, because a cutover should not wait. */
const STREAM_POLL_MS = 250;
const QUICK_FOR_MS = 2_000;

export interface ReplicatorOptions {
  stores: Stores;
  secrets: SecretStore;
  log: Logger;
  /** How long a new slot may wait for open transactions, in milliseconds. */
  slotWaitMs: number;
  failedSlotMaxBytes: number;
  /** See Settings. */
  decodingWorkMemMegabytes: number;
  signal: AbortSignal;
}

/**
 * Works every claimed row of Replications from its desired towards its observed phase, until the
 * signal ends it. Then all snapshots are released and the leases given back.
 */
export async function runReplicator(options: ReplicatorOptions): Promise<void> {
  const { stores, secrets, log, signal } = options;
  const owner = randomUUID();
  const busy = new Map<string, Promise<void>>();
  await using keeper = new SnapshotKeeper(stores, secrets, (record, generation, reason) => {
    log.warn({ migration: record.ref.id, database: record.database, generation }, 'snapshot lost');
    void observe(record, { phase: 'snapshotLost', generation, reason });
  });

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
      if (!isMine || !isNews) return;
      const message: ReplicationStatusMessage = {
        migrationId: id,
        database: record.database,
        instanceId: row.waitingInstanceId,
      };
      await stores.queues.send(QUEUES.replicationStatus, JSON.stringify(message));
    } catch (error) {
      // The row was purged, or storage is away; the next sweep sees what is still wanted.
      log.warn({ migration: id, database: record.database, reason: messageOf(error) }, 'not noted');
    }
  };

  const observe = (record: ReplicationRecord, observed: ReplicationRecord['observed']) =>
    note(record, { observed }, true);
  await using streams = new StreamKeeper({ ...options, observe: note });

  const work = async (seen: ReplicationRecord) => {
    const record = await claim(stores, seen, owner);
    if (record === undefined) return;
    const { desired, observed } = record;
    if (desired.phase === 'released') {
      await keeper.release(record);
      if (observed.phase === 'released') return;
      if (desired.slot !== undefined) await streams.release(record, desired.slot);
      await observe(record, { phase: 'released' });
      return;
    }
    if (desired.phase === 'stream') {
      await streams.follow(record, desired);
      return;
    }
    if (keeper.holds(record, desired.generation)) {
      if (desired.until === undefined || Date.parse(desired.until) > Date.now()) return;
      await keeper.release(record);
      const reason = 'The snapshot was kept for a resume, and the time for it ran out.';
      await observe(record, { phase: 'snapshotLost', generation: desired.generation, reason });
      return;
    }
    if ('generation' in observed && observed.generation === desired.generation) {
      // Held by a process that is gone: its snapshot went with its connection.
      if (observed.phase !== 'snapshotHeld') return;
      const reason = 'The replicator that held the snapshot ended.';
      await observe(record, { phase: 'snapshotLost', generation: desired.generation, reason });
      return;
    }
    log.info({ migration: record.ref.id, database: record.database }, 'taking a snapshot');
    await observe(record, await keeper.hold(record, desired, signal));
  };

  /** One row at a time per database; a row that is being worked on is looked at again later. */
  const sweep = async () => {
    for await (const record of stores.replications.list()) {
      if (isSettled(record)) continue;
      const key = `${record.ref.id}/${record.database}`;
      if (busy.has(key)) continue;
      const done = work(record)
        .catch((error: unknown) => log.error({ reason: messageOf(error) }, 'row not worked on'))
        .finally(() => busy.delete(key));
      busy.set(key, done);
    }
  };

  let lastSweep = 0;
  let lastMessage = Date.now();
  let lastRenewal = Date.now();
  while (!signal.aborted) {
    try {
      const messages = await stores.queues.receive(QUEUES.replicatorCommands, { max: 32, signal });
      await Promise.all(messages.map((message) => message.delete()));
      const now = Date.now();
      if (messages.length > 0) lastMessage = now;
      if (messages.length > 0 || now - lastSweep >= SWEEP_EVERY_MS) {
        lastSweep = now;
        await sweep();
      }
      if (now - lastRenewal >= RENEW_EVERY_MS) {
        lastRenewal = now;
        await renew(stores, owner, (record) => isHeldHere(keeper, streams, record));
      }
    } catch (error) {
      if (!signal.aborted) log.warn({ reason: messageOf(error) }, 'storage did not answer');
    }
    const slowMs = streams.isBusy ? STREAM_POLL_MS : SLOW_POLL_MS;
    const pollMs = Date.now() - lastMessage < QUICK_FOR_MS ? QUICK_POLL_MS : slowMs;
    await sleep(pollMs, undefined, { signal }).catch(() => undefined);
  }
  await Promise.all(busy.values());
  await streams[Symbol.asyncDispose]();
  await giveBack(stores, owner);
}

function isSettled(record: ReplicationRecord): boolean {
  return record.desired.phase === 'released' && record.observed.phase === 'released';
}

/** Writes this process's lease into the row; undefined when another replicator holds it. */
async function claim(
  stores: Stores,
  seen: ReplicationRecord,
  owner: string,
): Promise<ReplicationRecord | undefined> {
  let claimed = false;
  const record = await stores.replications.update(seen.ref.id, seen.database, (current) => {
    claimed = mayClaim(current, owner, Date.now());
    if (!claimed || current.lease?.owner === owner) return undefined;
    return { ...current, lease: { owner, until: leaseUntil(Date.now()) } };
  });
  return claimed ? record : undefined;
}

function isHeldHere(
  keeper: SnapshotKeeper,
  streams: StreamKeeper,
  record: ReplicationRecord,
): boolean {
  const { desired } = record;
  if (desired.phase === 'holdSnapshot') return keeper.holds(record, desired.generation);
  return desired.phase === 'stream' && streams.runs(record);
}

/** So that the next replicator need not wait for the leases to run out. */
async function giveBack(stores: Stores, owner: string): Promise<void> {
  for await (const record of stores.replications.list()) {
    if (record.lease?.owner !== owner) continue;
    await stores.replications.update(record.ref.id, record.database, (current) => {
      if (current.lease?.owner !== owner) return undefined;
      const { lease: _lease, ...rest } = current;
      return rest;
    });
  }
}

async function renew(
  stores: Stores,
  owner: string,
  isHeld: (record: ReplicationRecord) => boolean,
): Promise<void> {
  for await (const record of stores.replications.list()) {
    if (!isHeld(record)) continue;
    await stores.replications.update(record.ref.id, record.database, (current) =>
      mayClaim(current, owner, Date.now())
        ? { ...current, lease: { owner, until: leaseUntil(Date.now()) } }
        : undefined,
    );
  }
}
