import type { ReplicationRecord } from '../shared/contracts/records.ts';
import type { Stores } from '../shared/state/stores.ts';

/** Runs one piece of work at a time for each row; a row that changes meanwhile is worked on again. */
export class RowQueue {
  readonly #work: (record: ReplicationRecord) => Promise<void>;
  readonly #stores: Pick<Stores, 'replications'>;
  readonly #busy = new Map<string, { done: Promise<void>; isChanged: boolean }>();

  constructor(
    work: (record: ReplicationRecord) => Promise<void>,
    stores: Pick<Stores, 'replications'>,
  ) {
    this.#work = work;
    this.#stores = stores;
  }

  add(record: ReplicationRecord): void {
    const key = `${record.ref.id}/${record.database}`;
    const busy = this.#busy.get(key);
    if (busy !== undefined) {
      busy.isChanged = true;
      return;
    }
    const entry = { done: Promise.resolve(), isChanged: false };
    this.#busy.set(key, entry);
    entry.done = this.#run(record, entry).finally(() => this.#busy.delete(key));
  }

  /** When all that was begun has ended. */
  async idle(): Promise<void> {
    await Promise.all([...this.#busy.values()].map(({ done }) => done));
  }

  async #run(record: ReplicationRecord, entry: { isChanged: boolean }): Promise<void> {
    await this.#work(record);
    while (entry.isChanged) {
      entry.isChanged = false;
      const { ref, database } = record;
      const latest = await this.#stores.replications.get(ref.id, database).catch(() => undefined);
      if (latest !== undefined) await this.#work(latest);
    }
  }
}

const AT_ONCE = 16;

/** Does the work for each item, some of them at once. */
export async function eachOf<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  for (let first = 0; first < items.length; first += AT_ONCE) {
    await Promise.all(items.slice(first, first + AT_ONCE).map(work));
  }
}
