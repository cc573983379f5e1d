import { kindOf } from '../../shared/errors/classify.ts';
import { connect } from '../../shared/pg/connect.ts';
import type { PgSession } from '../../shared/pg/connect.ts';
import type { PgEndpoint } from '../../shared/pg/endpoint.ts';
import { takeTableSnapshot, waitFlushed } from '../../shared/wal/copy/tableSnapshot.ts';
import type { SystemIdentity } from '../../shared/wal/slot.ts';
import type { StreamTable } from './tableBook.ts';

export interface PartSnapshot {
  oid: number;
  generation: number;
  /** For `set transaction snapshot`. */
  export: string;
  snapshot: string;
  lsn: string;
}

export interface PartSnapshotOptions extends SystemIdentity {
  applicationName: string;
  slotSnapshot: string;
  signal: AbortSignal;
  /** Something to be looked at: a snapshot is there, or one was lost. */
  onChange: () => void;
}

interface Held {
  generation: number;
  session?: PgSession;
  isLost: boolean;
}

/**
 * The snapshots under which the parts of large tables are copied: one per table, held here as long as
 * its parts are being copied, because a row that moves between two parts must be seen by one.
 */
export class PartSnapshots implements AsyncDisposable {
  readonly #source: PgEndpoint;
  readonly #options: PartSnapshotOptions;
  readonly #held = new Map<number, Held>();
  #taken: { entry: Held; snapshot: PartSnapshot }[] = [];
  #failure: unknown;

  constructor(source: PgEndpoint, options: PartSnapshotOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** Begins to take the table's snapshot, unless that is under way for its generation. */
  begin(table: StreamTable): void {
    const known = this.#held.get(table.oid);
    if (known !== undefined && known.generation === table.generation && !known.isLost) return;
    void known?.session?.close();
    const entry: Held = { generation: table.generation, isLost: false };
    this.#held.set(table.oid, entry);
    this.#take({ ...table }, entry).catch((error: unknown) => {
      entry.isLost = true;
      // What time may cure is tried again with the next look; the rest ends the session.
      if (kindOf(error) !== 'connectionFailed' && kindOf(error) !== 'lockTimeout') {
        this.#failure ??= error;
      }
      this.#options.onChange();
    });
  }

  async #take(table: StreamTable, entry: Held): Promise<void> {
    const { signal, applicationName } = this.#options;
    const session = await connect(this.#source, {
      applicationName,
      signal,
      settings: { default_transaction_read_only: 'on' },
    });
    entry.session = session;
    if (this.#held.get(table.oid) !== entry) {
      // Another generation, or the end of it all, came while it connected.
      await session.close();
      return;
    }
    const onEnd = () => {
      entry.isLost = true;
      this.#options.onChange();
    };
    session.client.on('end', onEnd);
    const seen = await takeTableSnapshot(session, [table], this.#options);
    const { rows } = await session.query<{ id: string }>(
      'select pg_catalog.pg_export_snapshot() as id',
    );
    await waitFlushed(session, seen.lsn, signal);
    const { oid, generation } = table;
    const snapshot = { oid, generation, export: rows[0]?.id ?? '', ...seen };
    this.#taken.push({ entry, snapshot });
    this.#options.onChange();
  }

  /** Snapshots that were taken since the last call. @throws what made one impossible. */
  taken(): PartSnapshot[] {
    if (this.#failure !== undefined) throw this.#failure;
    const taken = this.#taken;
    this.#taken = [];
    // One that was lost at once is not told of: another one is being taken, under the same generation.
    return taken
      .filter(({ entry, snapshot }) => !entry.isLost && this.#held.get(snapshot.oid) === entry)
      .map(({ snapshot }) => snapshot);
  }

  /** Whether the snapshot of this generation is held here. */
  holds({ oid, generation }: { oid: number; generation: number }): boolean {
    const held = this.#held.get(oid);
    return held?.generation === generation && !held.isLost;
  }

  /** Lets go of the snapshots of all tables but these. */
  keepOnly(oids: ReadonlySet<number>): void {
    for (const [oid, { session }] of this.#held) {
      if (oids.has(oid)) continue;
      this.#held.delete(oid);
      void session?.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const sessions = [...this.#held.values()].map(({ session }) => session);
    this.#held.clear();
    for (const session of sessions) await session?.close();
  }
}
