import type { PgSession } from '../../shared/pg/connect.ts';
import { currentSnapshotSql } from '../../shared/wal/copy/tableSnapshot.ts';
import { isSeen, parseSnapshot } from '../../shared/wal/visibility.ts';
import type { TxSnapshot } from '../../shared/wal/visibility.ts';

/**
 * Which processed transactions a snapshot may not see yet. A commit is in the WAL before it is
 * visible, long before under synchronous replication: a copy may begin only when all that was
 * dropped for its table is visible.
 */
export class VisibilityWatch {
  readonly #source: PgSession;
  readonly #unconfirmed: Set<number>;

  constructor(source: PgSession, unconfirmed: readonly number[]) {
    this.#source = source;
    this.#unconfirmed = new Set(unconfirmed);
  }

  /** Ids of 32 bits, as the stream has them. */
  get unconfirmed(): readonly number[] {
    return [...this.#unconfirmed];
  }

  add(xids: readonly number[]): void {
    for (const xid of xids) this.#unconfirmed.add(xid);
  }

  /** Looks at the source and forgets what is visible by now. */
  async look(): Promise<TxSnapshot> {
    const { rows } = await this.#source.query<{ snapshot: string }>(
      `select ${currentSnapshotSql(this.#source.serverVersion)}::text as snapshot`,
    );
    const snapshot = parseSnapshot(rows[0]?.snapshot ?? '');
    for (const xid of this.#unconfirmed) {
      if (isSeen(snapshot, xid)) this.#unconfirmed.delete(xid);
    }
    return snapshot;
  }
}
