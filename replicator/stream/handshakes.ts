import { codeOf } from '../../shared/errors/migrationError.ts';
import type { PgSession } from '../../shared/pg/connect.ts';
import { STATE_CHANNEL } from '../../shared/wal/copy/tableStates.ts';
import type { PartSnapshot, PartSnapshots } from './partSnapshots.ts';
import type { StreamTable, TableBook } from './tableBook.ts';
import type { VisibilityWatch } from './visibilityWatch.ts';

export interface HandshakeOptions {
  epoch: string;
  failPoint?: (name: string) => void | Promise<void>;
}

interface Pending {
  generation: number;
  /** Transactions whose changes were dropped and which are not visible on the source yet. */
  waitsFor: Set<number>;
}

/**
 * Answers the copies that ask for their table's changes to be held. Since `starting` was read, no
 * change of the table is dropped any more; the answer comes when all that was dropped before is
 * visible on the source, so that the snapshot to come has it.
 */
export class Handshakes {
  readonly #target: PgSession;
  readonly #book: TableBook;
  readonly #watch: VisibilityWatch;
  readonly #parts: PartSnapshots;
  readonly #options: HandshakeOptions;
  readonly #pending = new Map<number, Pending>();

  constructor(
    target: PgSession,
    book: TableBook,
    watch: VisibilityWatch,
    parts: PartSnapshots,
    options: HandshakeOptions,
  ) {
    this.#target = target;
    this.#book = book;
    this.#watch = watch;
    this.#parts = parts;
    this.#options = options;
  }

  /** Tables wait for transactions to become visible: the source is to be looked at again soon. */
  get isWaiting(): boolean {
    return this.#pending.size > 0;
  }

  /** To be called between groups, after the book was read. @returns whether a state changed. */
  async work(): Promise<boolean> {
    const starting = this.#book.inState('starting');
    for (const table of starting) {
      if (this.#pending.get(table.oid)?.generation === table.generation) continue;
      const waitsFor = new Set(this.#watch.unconfirmed);
      this.#pending.set(table.oid, { generation: table.generation, waitsFor });
    }
    const isStarting = new Set(starting.map(({ oid }) => oid));
    for (const oid of this.#pending.keys()) if (!isStarting.has(oid)) this.#pending.delete(oid);
    if (this.#pending.size > 0) {
      await this.#watch.look();
      const open = new Set(this.#watch.unconfirmed);
      for (const { waitsFor } of this.#pending.values()) {
        for (const xid of waitsFor) if (!open.has(xid)) waitsFor.delete(xid);
      }
    }
    const visible = starting.filter(({ oid }) => this.#pending.get(oid)?.waitsFor.size === 0);
    const whole = visible.filter(({ partCount }) => partCount === 0);
    for (const table of visible) if (table.partCount > 0) this.#parts.begin(table);
    const hasAnswered = await this.#answer(whole);
    const hasExported = await this.#exportTaken(this.#parts.taken());
    return hasAnswered || hasExported;
  }

  async #answer(tables: readonly StreamTable[]): Promise<boolean> {
    if (tables.length === 0) return false;
    await this.#options.failPoint?.('beforeCopying');
    await this.#target.query(
      `update pgmove.copies c set state = 'copying'
       from unnest($1::oid[], $2::bigint[]) n (oid, generation)
       where c.table_id = n.oid and c.part = 0 and c.state = 'starting'
         and c.generation = n.generation
         and exists (select from pgmove.progress where epoch = $3)`,
      [
        tables.map(({ oid }) => oid),
        tables.map(({ generation }) => generation),
        this.#options.epoch,
      ],
    );
    await this.#target.query(`notify ${STATE_CHANNEL}`);
    for (const { oid } of tables) this.#pending.delete(oid);
    await this.#options.failPoint?.('afterCopying');
    return true;
  }

  async #exportTaken(snapshots: readonly PartSnapshot[]): Promise<boolean> {
    for (const taken of snapshots) {
      await this.#target.query(
        `update pgmove.copies
         set state = 'copying', export = $3, snapshot = $4, lsn = $5::pg_lsn
         where table_id = $1 and part = 0 and state = 'starting' and generation = $2
           and exists (select from pgmove.progress where epoch = $6)`,
        [taken.oid, taken.generation, taken.export, taken.snapshot, taken.lsn, this.#options.epoch],
      );
      this.#pending.delete(taken.oid);
    }
    if (snapshots.length > 0) await this.#target.query(`notify ${STATE_CHANNEL}`);
    return snapshots.length > 0;
  }

  /**
   * A table whose parts' snapshot is gone starts again: its parts, those that are in as well, are
   * void. @returns whether a state changed.
   */
  async restartLost(): Promise<boolean> {
    const parted = this.#book.inState('copying').filter(({ partCount }) => partCount > 0);
    this.#parts.keepOnly(
      new Set([...parted, ...this.#book.inState('starting')].map(({ oid }) => oid)),
    );
    let hasChanged = false;
    for (const table of parted) {
      if (this.#parts.holds(table)) continue;
      hasChanged = (await this.#restart(table)) || hasChanged;
    }
    return hasChanged;
  }

  async #restart(table: StreamTable): Promise<boolean> {
    try {
      await this.#target.query('begin');
      // A part that is being copied holds the row: the table is looked at again a moment later.
      const { rowCount } = await this.#target.query(
        `select from pgmove.copies where table_id = $1 and part = 0 and state = 'copying'
           and generation = $2 and exists (select from pgmove.progress where epoch = $3)
         for update nowait`,
        [table.oid, table.generation, this.#options.epoch],
      );
      if (rowCount === 1) {
        await this.#target.query('delete from pgmove.held where table_id = $1', [table.oid]);
        await this.#target.query(
          `update pgmove.copies set state = 'starting', generation = generation + 1, export = null,
             snapshot = '', lsn = null
           where table_id = $1 and part = 0`,
          [table.oid],
        );
      }
      await this.#target.query(`notify ${STATE_CHANNEL}`);
      await this.#target.query('commit');
      return rowCount === 1;
    } catch (error) {
      await this.#target.query('rollback');
      if (codeOf(error) === '55P03') return false;
      throw error;
    }
  }
}
