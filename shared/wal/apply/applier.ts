import { wrapError } from '../../errors/classify.ts';
import type { PgSession } from '../../pg/connect.ts';
import type { Lsn } from '../lsn.ts';
import type { RowChange } from '../messages.ts';
import { Batch, noChanges } from './batch.ts';
import type { PendingChanges } from './batch.ts';
import type { ApplyTable } from './catalog.ts';
import type { ChangeOrigin } from './merge.ts';
import type { ReadBack } from './readBack.ts';
import { targetSession } from './targetSession.ts';

export interface ApplierOptions {
  /**
   * Whether the session runs with session_replication_role = replica. Otherwise there must be no
   * triggers, rules or foreign keys on the target yet.
   */
  isReplicaRole: boolean;
  /** Reads what a null of a float or numeric stands for; absent when the plugin tells it. */
  readBack?: ReadBack;
  /** Default 10,000; as many again are taken while these are executed. */
  maxPendingChanges?: number;
  /** Default 8 MiB of messages. */
  maxPendingBytes?: number;
}

export interface ApplyCounters {
  inserts: number;
  updates: number;
  deletes: number;
  truncates: number;
  /** All of them, as they are executed. */
  applied: number;
  /** How often several changes were applied one by one because the target did not take them as sets. */
  replays: number;
}

/**
 * Applies changes in the transaction that its caller has opened on the session. After an error the
 * caller rolls back and makes a new applier. `origin` objects are kept until the next flush.
 */
export interface Applier {
  /**
   * Takes a change. At its bounds it executes what was added, and goes on taking changes meanwhile:
   * nobody else may use the session before `settle` or `flush`. Undefined when there is nothing to
   * wait for.
   */
  add(table: ApplyTable, change: RowChange, origin: ChangeOrigin): Promise<void> | undefined;
  /** What is being executed; undefined when nothing is. */
  readonly busy: Promise<void> | undefined;
  /** Waits for what is being executed. */
  settle(): Promise<void>;
  /** Empties tables together: their foreign keys may refer to each other. */
  truncate(tables: readonly ApplyTable[]): Promise<void>;
  /** Executes everything that was added. */
  flush(): Promise<void>;
  readonly counters: Readonly<ApplyCounters>;
  /** Of the read back: the target is not consistent before the stream has passed this position. */
  readonly readBackUntil: Lsn | undefined;
}

/**
 * The planner takes an array parameter for ten rows or for as many as it has, and would read a
 * whole table for some thousands: by its index is always cheap enough. Amounts of money are
 * written without a locale on both sides.
 */
const SETTINGS_SQL = `select ${[
  ['enable_seqscan', 'off'],
  ['enable_hashjoin', 'off'],
  ['enable_mergejoin', 'off'],
  ['jit', 'off'],
  ['lc_monetary', 'C'],
]
  .map(([name, value]) => `pg_catalog.set_config('${name}', '${value}', false)`)
  .join(', ')}`;

export function createApplier(session: PgSession, options: ApplierOptions): Applier {
  const { readBack, maxPendingChanges = 10_000, maxPendingBytes = 8 * 1024 * 1024 } = options;
  const target = targetSession(session);
  const counters: ApplyCounters = {
    inserts: 0,
    updates: 0,
    deletes: 0,
    truncates: 0,
    applied: 0,
    replays: 0,
  };
  let pending = noChanges();
  let running: Promise<void> | undefined;
  let busy: Promise<void> | undefined;
  let isPrepared = false;
  const savepoint = { isOpen: false };

  const prepare = async (tables: Iterable<ApplyTable>): Promise<void> => {
    if (!isPrepared) await session.query(SETTINGS_SQL);
    isPrepared = true;
    // What checks deferrable constraints are triggers, which the role keeps silent.
    if (options.isReplicaRole) return;
    for (const { hasDeferrable } of tables) {
      if (!hasDeferrable) continue;
      // The source's transaction may have been valid only at its end.
      await session.query('set constraints all deferred');
      return;
    }
  };

  /** What can be done beforehand is done while the changes before these are executed. */
  const executeAfter = async (
    before: Promise<void> | undefined,
    taken: PendingChanges,
  ): Promise<void> => {
    const batch = new Batch(taken, {
      target,
      readBack,
      savepoint,
      onReplay: () => {
        counters.replays += 1;
      },
    });
    await before;
    await prepare(new Set(taken.tables));
    await batch.execute();
    for (const { action } of taken.changes) {
      counters[action === 'I' ? 'inserts' : action === 'U' ? 'updates' : 'deletes'] += 1;
    }
    counters.applied += taken.changes.length;
  };

  const settle = async (): Promise<void> => {
    await running;
    running = undefined;
  };

  /** Executes what was added after what is being executed, which is to be waited for. */
  const begin = (): Promise<void> | undefined => {
    const before = running;
    const taken = pending;
    pending = noChanges();
    const execution = executeAfter(before, taken);
    running = execution;
    busy = execution;
    const rest = () => {
      if (busy === execution) busy = undefined;
    };
    // Whoever waits for it next gets the error.
    execution.then(rest, rest);
    return before;
  };

  const flush = async (): Promise<void> => {
    if (pending.changes.length > 0) await begin();
    await settle();
    if (savepoint.isOpen) await session.query('release savepoint pgmove_apply');
    savepoint.isOpen = false;
  };

  return {
    counters,
    settle,
    flush,
    get busy() {
      return busy;
    },
    get readBackUntil() {
      return readBack?.until;
    },

    add(table, change, origin) {
      const isLarge = change.bytes > maxPendingBytes;
      // A very large row goes by itself: in an array it would be escaped, and grow.
      if (isLarge && (pending.changes.length > 0 || running !== undefined)) {
        return flush().then(() => this.add(table, change, origin));
      }
      pending.tables.push(table);
      pending.changes.push(change);
      pending.origins.push(origin);
      pending.bytes += change.bytes;
      pending.merged.add(table, change, origin);
      if (isLarge) return flush();
      const isFull =
        pending.changes.length >= maxPendingChanges || pending.bytes >= maxPendingBytes;
      return isFull ? begin() : undefined;
    },

    async truncate(tables) {
      await flush();
      if (tables.length === 0) return;
      await prepare(tables);
      const names = [...new Set(tables.map(({ sql }) => `only ${sql}`))];
      try {
        await session.query(`truncate ${names.join(', ')}`);
      } catch (error) {
        throw wrapError(error, `Truncating ${names.join(', ')} failed`);
      }
      counters.truncates += tables.length;
      counters.applied += tables.length;
    },
  };
}
