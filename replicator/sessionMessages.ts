import type { Logger } from 'pino';
import { QUEUES } from '../shared/contracts/names.ts';
import type { SessionMessage } from '../shared/contracts/names.ts';
import type { ReplicationRecord } from '../shared/contracts/records.ts';
import { wantsReplicator } from '../shared/contracts/replication.ts';
import type { QueueMessage, Stores } from '../shared/state/stores.ts';
import { fieldsOf } from '../shared/telemetry/fields.ts';
import { mayClaim } from './lease.ts';

export interface SessionTimes {
  /** A message of a session whose owner is gone becomes visible after this. */
  hiddenSeconds: number;
  renewEveryMs: number;
  /** One that is somebody else's, or that nobody has taken up yet, is looked at again after this. */
  passedOnSeconds: number;
  /** A session of ours that has had no message for this long gets another one. */
  missingForMs: number;
}

const TIMES: SessionTimes = {
  hiddenSeconds: 180,
  renewEveryMs: 60_000,
  passedOnSeconds: 20,
  missingForMs: 60_000,
};

const MOST_AT_ONCE = 32;

interface Held {
  message: QueueMessage;
  renewedAt: number;
}

/**
 * The messages of this process's live sessions: hidden from others, but counted, so that a replicator
 * that is scaled by the length of the queue is not taken away. A message that was lost is made again, one
 * that is there twice is deleted.
 */
export class SessionMessages {
  readonly #stores: Pick<Stores, 'queues' | 'replications'>;
  readonly #owner: string;
  readonly #log: Logger;
  readonly #times: SessionTimes;
  readonly #held = new Map<string, Held>();
  /** Since when a session of ours is without a message. */
  readonly #missing = new Map<string, number>();

  constructor(
    stores: Pick<Stores, 'queues' | 'replications'>,
    owner: string,
    log: Logger,
    times: Partial<SessionTimes> = {},
  ) {
    this.#stores = stores;
    this.#owner = owner;
    this.#log = log;
    this.#times = { ...TIMES, ...times };
  }

  /** Takes what is visible, renews what it has, and sees to it that each of `own` has a message. */
  async look(own: readonly ReplicationRecord[]): Promise<void> {
    await this.#receive();
    const now = Date.now();
    const keys = new Set(own.map(keyOf));
    for (const key of this.#held.keys()) {
      // The session is another's now, or is over; its message is for whoever finds it.
      if (!keys.has(key)) await this.#letGo(key);
    }
    for (const record of own) {
      const held = this.#held.get(keyOf(record));
      if (held === undefined) await this.#makeMissing(record, now);
      else if (now - held.renewedAt >= this.#times.renewEveryMs)
        await this.#renew(keyOf(record), held, now);
    }
  }

  /** The session is over. */
  async end(record: ReplicationRecord): Promise<void> {
    const key = keyOf(record);
    const held = this.#held.get(key);
    this.#held.delete(key);
    this.#missing.delete(key);
    await held?.message.delete();
  }

  /** Another replicator goes on with the session: its message is visible at once. */
  async pass(record: ReplicationRecord): Promise<void> {
    await this.#letGo(keyOf(record));
  }

  async #receive(): Promise<void> {
    for (;;) {
      const messages = await this.#stores.queues.receive(QUEUES.replicatorSessions, {
        max: MOST_AT_ONCE,
        visibilitySeconds: this.#times.hiddenSeconds,
      });
      for (const message of messages) await this.#sort(message);
      if (messages.length < MOST_AT_ONCE) return;
    }
  }

  async #sort(message: QueueMessage): Promise<void> {
    const session = parse(message.text);
    const record =
      session && (await this.#stores.replications.get(session.migrationId, session.database));
    if (record === undefined || !wantsReplicator(record) || this.#held.has(keyOf(record))) {
      await message.delete();
      return;
    }
    if (record.lease?.owner === this.#owner && mayClaim(record, this.#owner, Date.now())) {
      this.#missing.delete(keyOf(record));
      this.#held.set(keyOf(record), { message, renewedAt: Date.now() });
      return;
    }
    await message.hide(this.#times.passedOnSeconds);
  }

  async #renew(key: string, held: Held, now: number): Promise<void> {
    if (await held.message.hide(this.#times.hiddenSeconds)) held.renewedAt = now;
    else this.#held.delete(key);
  }

  async #letGo(key: string): Promise<void> {
    const held = this.#held.get(key);
    this.#held.delete(key);
    await held?.message.hide(0);
  }

  async #makeMissing(record: ReplicationRecord, now: number): Promise<void> {
    const key = keyOf(record);
    const since = this.#missing.get(key);
    if (since === undefined) this.#missing.set(key, now);
    if (since === undefined || now - since < this.#times.missingForMs) return;
    this.#log.info(fieldsOf(record.ref, record.database), 'session message made');
    const message: SessionMessage = { migrationId: record.ref.id, database: record.database };
    await this.#stores.queues.send(QUEUES.replicatorSessions, JSON.stringify(message), {
      isKept: true,
    });
    this.#missing.set(key, now);
  }
}

/** Undefined: not ours; whoever wrote it into the queue, nobody needs it. */
function parse(text: string): SessionMessage | undefined {
  try {
    const { migrationId, database } = JSON.parse(text) as Partial<SessionMessage>;
    if (typeof migrationId !== 'string' || typeof database !== 'string') return undefined;
    return { migrationId, database };
  } catch {
    return undefined;
  }
}

function keyOf(record: ReplicationRecord): string {
  return `${record.ref.id}/${record.database}`;
}
