import { MigrationError } from '../../shared/errors/migrationError.ts';
import type { PgSession } from '../../shared/pg/connect.ts';
import { createApplier } from '../../shared/wal/apply/applier.ts';
import type { Applier, ApplierOptions } from '../../shared/wal/apply/applier.ts';
import type { ApplyTable } from '../../shared/wal/apply/catalog.ts';
import { APPLY_LOCK } from '../../shared/wal/applyLock.ts';
import { formatLsn } from '../../shared/wal/lsn.ts';
import type { Lsn } from '../../shared/wal/lsn.ts';
import type { RowChange } from '../../shared/wal/messages.ts';
import { isSeen } from '../../shared/wal/visibility.ts';
import { HeldWriter } from './heldChanges.ts';
import type { StreamTable, TableBook } from './tableBook.ts';

export interface GroupCounters {
  transactions: number;
  incoming: number;
  applied: number;
  inserts: number;
  updates: number;
  deletes: number;
  truncates: number;
}

/** A transaction of the source. */
interface SourceTransaction {
  xid: number;
  endLsn: Lsn;
  /** Changes so far: their place in pgmove.held. */
  seq: number;
  /** It changed something. */
  isTouched: boolean;
  /** It was applied before: the server sends again what was not confirmed to it. */
  isKnown: boolean;
}

export interface GroupOptions {
  epoch: string;
  applier: ApplierOptions;
  /** Called with a relation that is not in the plan. */
  onUnplanned: (schema: string, table: string) => void;
}

/**
 * Whole transactions of the source, in their order, in one transaction of the target, together with
 * the progress. Each change is dropped, held, skipped or applied, as its table's state says.
 */
export class Group {
  readonly #session: PgSession;
  readonly #book: TableBook;
  readonly #options: GroupOptions;
  readonly #held: HeldWriter;
  #applier: Applier;
  #isOpen = false;
  #current: SourceTransaction | undefined;
  /** Adjacent TRUNCATEs of one transaction, which go together. */
  #truncated: StreamTable[] = [];
  #endLsn: Lsn | undefined;
  #xids: number[] = [];
  #beganAt = 0;
  #changes = 0;
  #bytes = 0;
  /** Of the applier's counters, what is in ours already. */
  readonly #counted = { applied: 0, inserts: 0, updates: 0, deletes: 0, truncates: 0 };
  readonly #counters: GroupCounters;

  constructor(session: PgSession, book: TableBook, counters: GroupCounters, options: GroupOptions) {
    this.#session = session;
    this.#book = book;
    this.#options = options;
    this.#counters = counters;
    this.#held = new HeldWriter(session);
    this.#applier = createApplier(session, options.applier);
  }

  /** Between B and C of a transaction. */
  get isInTransaction(): boolean {
    return this.#current !== undefined;
  }

  /** Ends when the target has done what it was sent so far; undefined when it has. */
  get busy(): Promise<void> | undefined {
    return this.#applier.busy;
  }

  /** The position after the last whole transaction of the group; undefined: nothing is in it. */
  get endLsn(): Lsn | undefined {
    return this.#endLsn;
  }

  /** Transactions of the group that changed something. */
  get xids(): readonly number[] {
    return this.#xids;
  }

  /** Time, changes and bytes since the group began. */
  get size(): { ms: number; changes: number; bytes: number } {
    const ms = this.#beganAt === 0 ? 0 : Date.now() - this.#beganAt;
    return { ms, changes: this.#changes, bytes: this.#bytes };
  }

  get readBackUntil(): Lsn | undefined {
    return this.#applier.readBackUntil;
  }

  beginTransaction(xid: number, endLsn: Lsn, appliedLsn: Lsn): void {
    if (this.#beganAt === 0) this.#beganAt = Date.now();
    const isKnown = endLsn <= appliedLsn;
    this.#current = { xid, endLsn, seq: 0, isTouched: false, isKnown };
  }

  /** @returns a promise only where there is something to wait for. */
  row(change: RowChange): Promise<void> | undefined {
    const current = this.#transaction();
    if (current.isKnown) return undefined;
    this.#counters.incoming += 1;
    this.#changes += 1;
    this.#bytes += change.bytes;
    // Before the plan is there, every table is a pending one.
    current.isTouched = true;
    current.seq += 1;
    const table = this.#book.find(change.schema, change.table);
    if (table === undefined) {
      this.#unplanned(change.schema, change.table);
      return undefined;
    }
    if (table.state === 'pending') return undefined;
    if (table.state !== 'ready') {
      const isDue = this.#held.add(table.oid, current, change);
      return isDue ? this.#writeHeld() : undefined;
    }
    if (isSeenByCopy(table, current)) return undefined;
    return this.#apply(table, change, current);
  }

  /** Remembered until another kind of change comes, because tables are truncated together. */
  truncate(schema: string, name: string): Promise<void> | undefined {
    const current = this.#transaction();
    if (current.isKnown) return undefined;
    this.#counters.incoming += 1;
    this.#changes += 1;
    current.isTouched = true;
    current.seq += 1;
    const table = this.#book.find(schema, name);
    if (table === undefined) {
      this.#unplanned(schema, name);
      return undefined;
    }
    if (table.state === 'pending') return undefined;
    if (table.state !== 'ready') {
      const isDue = this.#held.add(table.oid, current, { action: 'T' });
      return isDue ? this.#writeHeld() : undefined;
    }
    if (!isSeenByCopy(table, current)) this.#truncated.push(table);
    return undefined;
  }

  /** @returns a promise only where there is something to wait for. */
  endTransaction(): Promise<void> | undefined {
    const current = this.#transaction();
    this.#current = undefined;
    if (!current.isKnown) {
      this.#endLsn = current.endLsn;
      this.#counters.transactions += 1;
      if (current.isTouched) this.#xids.push(current.xid);
    }
    return this.#truncated.length > 0 ? this.#truncateTables() : undefined;
  }

  /** Everything is sent to the target, in the open transaction. */
  async flush(): Promise<void> {
    await this.#begin();
    if (this.#truncated.length > 0) await this.#truncateTables();
    await this.#applier.flush();
    await this.#held.flush();
  }

  /**
   * Commits the group with its progress.
   *
   * @throws MigrationError fenced when another replicator took over.
   */
  async commit(unconfirmed: readonly number[]): Promise<Lsn> {
    const lsn = this.#endLsn;
    if (lsn === undefined) throw new MigrationError('internal', 'An empty group was committed.');
    await writeProgress(this.#session, this.#options.epoch, {
      lsn,
      unconfirmed,
      readBackLsn: this.#applier.readBackUntil,
    });
    await this.#session.query('commit');
    this.#count();
    this.#reset();
    return lsn;
  }

  /** Runs in a transaction of its own that is parked by APPLY_LOCK as groups are; no group is open. */
  async alone(work: (applier: Applier) => Promise<void>): Promise<void> {
    await this.#begin();
    await work(this.#applier);
    await this.#applier.flush();
    // The fence, and what a restart must know: values were read that are newer than the stream.
    const { readBackUntil } = this.#applier;
    const fence = await this.#session.query(
      `update pgmove.progress set read_back_lsn = greatest(read_back_lsn, $2::pg_lsn)
       where epoch = $1`,
      [this.#options.epoch, readBackUntil === undefined ? null : formatLsn(readBackUntil)],
    );
    if (fence.rowCount !== 1) throw fencedError();
    await this.#session.query('commit');
    this.#count();
    this.#reset();
  }

  #count(): void {
    for (const name of ['applied', 'inserts', 'updates', 'deletes', 'truncates'] as const) {
      const now = this.#applier.counters[name];
      this.#counters[name] += now - this.#counted[name];
      this.#counted[name] = now;
    }
  }

  #reset(): void {
    this.#isOpen = false;
    this.#endLsn = undefined;
    this.#xids = [];
    this.#beganAt = 0;
    this.#changes = 0;
    this.#bytes = 0;
  }

  #transaction(): SourceTransaction {
    if (this.#current !== undefined) return this.#current;
    throw new MigrationError('internal', 'The stream sent a change outside of a transaction.');
  }

  async #begin(): Promise<void> {
    if (this.#isOpen) return;
    this.#isOpen = true;
    await this.#session.query(
      `begin; select pg_catalog.pg_advisory_xact_lock_shared(${APPLY_LOCK})`,
    );
  }

  async #writeHeld(): Promise<void> {
    await this.#begin();
    await this.#applier.settle();
    await this.#held.flush();
  }

  #apply(
    table: StreamTable,
    change: RowChange,
    current: SourceTransaction,
  ): Promise<void> | undefined {
    if (this.#truncated.length > 0 || !this.#isOpen) {
      return this.#applyAfter(table, change, current);
    }
    return this.#applier.add(applyTableOf(table), change, current);
  }

  async #applyAfter(
    table: StreamTable,
    change: RowChange,
    current: SourceTransaction,
  ): Promise<void> {
    await this.#begin();
    if (this.#truncated.length > 0) await this.#truncateTables();
    await this.#applier.add(applyTableOf(table), change, current);
  }

  async #truncateTables(): Promise<void> {
    const tables = this.#truncated;
    this.#truncated = [];
    await this.#begin();
    await this.#applier.truncate(tables.map(applyTableOf));
  }

  #unplanned(schema: string, name: string): void {
    // Before the plan is there everything is pending; a root's leaves send their own changes.
    if (!this.#book.isPlanned || this.#book.isIgnored(schema, name)) return;
    this.#options.onUnplanned(schema, name);
  }
}

/** The copy's snapshot has the transaction already. */
export function isSeenByCopy(
  { seen }: StreamTable,
  { xid, endLsn }: { xid: number; endLsn: Lsn },
): boolean {
  return seen !== undefined && endLsn <= seen.lsn && isSeen(seen.snapshot, xid);
}

export function applyTableOf(table: StreamTable): ApplyTable {
  if (table.apply !== undefined) return table.apply;
  throw new MigrationError(
    'diverged',
    `The table ${table.schema}.${table.name} is not on the target any more.`,
  );
}

/** Written in the transaction that applied it. */
export async function writeProgress(
  session: PgSession,
  epoch: string,
  progress: { lsn: Lsn; unconfirmed: readonly number[]; readBackLsn: Lsn | undefined },
): Promise<void> {
  const { lsn, unconfirmed, readBackLsn } = progress;
  const { rowCount } = await session.query(
    `update pgmove.progress
     set lsn = $1, unconfirmed = $2, read_back_lsn = greatest(read_back_lsn, $3::pg_lsn)
     where epoch = $4`,
    [
      formatLsn(lsn),
      `{${unconfirmed.join(',')}}`,
      readBackLsn === undefined ? null : formatLsn(readBackLsn),
      epoch,
    ],
  );
  if (rowCount !== 1) throw fencedError();
}

export function fencedError(): MigrationError {
  return new MigrationError('fenced', 'Another replicator took over the stream.');
}
