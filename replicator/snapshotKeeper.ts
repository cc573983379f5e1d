import { endpointOf } from '../shared/api/endpoints.ts';
import type { MigrationRef, ReplicationRecord } from '../shared/contracts/records.ts';
import { isEnded } from '../shared/contracts/status.ts';
import { isTransient, kindOf } from '../shared/errors/classify.ts';
import { messageOf } from '../shared/errors/migrationError.ts';
import { holdSnapshot } from '../shared/pg/copy/snapshot.ts';
import type { HeldSnapshot } from '../shared/pg/copy/snapshot.ts';
import type { SecretStore } from '../shared/secrets/secretStore.ts';
import type { Stores } from '../shared/state/stores.ts';

type Observed = ReplicationRecord['observed'];
type HoldRequest = Extract<ReplicationRecord['desired'], { phase: 'holdSnapshot' }>;

/** Called when a snapshot that was held is gone without having been released. */
export type LostHandler = (record: ReplicationRecord, generation: number, reason: string) => void;

export interface SnapshotKeeperOptions {
  stores: Stores;
  secrets: SecretStore;
  allowedHosts: readonly string[];
}

/** The exported snapshots that this process holds, one per database of a migration. */
export class SnapshotKeeper implements AsyncDisposable {
  readonly #stores: Stores;
  readonly #secrets: SecretStore;
  readonly #allowedHosts: readonly string[];
  readonly #onLost: LostHandler;
  readonly #held = new Map<string, { generation: number; snapshot: HeldSnapshot }>();

  constructor(options: SnapshotKeeperOptions, onLost: LostHandler) {
    this.#stores = options.stores;
    this.#secrets = options.secrets;
    this.#allowedHosts = options.allowedHosts;
    this.#onLost = onLost;
  }

  get count(): number {
    return this.#held.size;
  }

  holds(record: ReplicationRecord, generation: number): boolean {
    return this.#held.get(keyOf(record))?.generation === generation;
  }

  get isBusy(): boolean {
    return this.#held.size > 0;
  }

  /** Takes and exports the snapshot that the row asks for; what fails is an observation too. */
  async hold(record: ReplicationRecord, wish: HoldRequest, signal: AbortSignal): Promise<Observed> {
    await this.release(record);
    const { generation } = wish;
    try {
      const snapshot = await this.#take(record.ref, record.database, wish, signal);
      const key = keyOf(record);
      this.#held.set(key, { generation, snapshot });
      void snapshot.lost.then((reason) => {
        if (this.#held.get(key)?.snapshot !== snapshot) return;
        this.#held.delete(key);
        this.#onLost(record, generation, reason);
      });
      return {
        phase: 'snapshotHeld',
        generation,
        snapshot: snapshot.snapshot,
        since: new Date().toISOString(),
        ...(snapshot.lsn === undefined ? {} : { lsn: snapshot.lsn }),
      };
    } catch (error) {
      return {
        phase: 'failed',
        generation,
        reason: messageOf(error),
        isTransient: isTransient(kindOf(error)),
      };
    }
  }

  async #take(
    ref: MigrationRef,
    database: string,
    wish: HoldRequest,
    signal: AbortSignal,
  ): Promise<HeldSnapshot> {
    const migration = await this.#stores.migrations.get(ref);
    if (migration === undefined || isEnded(migration.status)) {
      throw new Error(`The migration ${ref.name} has ended.`);
    }
    const secrets = (await this.#secrets.get(migration.secretId)) ?? {};
    const source = endpointOf(migration, 'source', database, secrets, this.#allowedHosts);
    return await holdSnapshot(source, {
      filter: { include: wish.include, exclude: wish.exclude },
      applicationName: `pgmove/${ref.name}/snapshot`,
      signal,
    });
  }

  async release(record: ReplicationRecord): Promise<void> {
    const key = keyOf(record);
    const entry = this.#held.get(key);
    this.#held.delete(key);
    await entry?.snapshot.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const entries = [...this.#held.values()];
    this.#held.clear();
    await Promise.all(entries.map(({ snapshot }) => snapshot.release()));
  }
}

function keyOf(record: ReplicationRecord): string {
  return `${record.ref.id}/${record.database}`;
}
