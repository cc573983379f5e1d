import { wrapError } from '../../errors/classify.ts';
import { codeOf, MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../../pg/connect.ts';
import type { Lsn } from '../lsn.ts';
import type { RowChange } from '../messages.ts';
import type { ApplyTable } from './catalog.ts';
import { changeFailure } from './divergence.ts';
import { ImpossibleSequence, TableMerge } from './merge.ts';
import type { ChangeOrigin, TableStep } from './merge.ts';
import type { ReadBack } from './readBack.ts';
import { readBackChange } from './readBackSet.ts';
import { applySet, CountMismatch } from './setBased.ts';
import { applySingle } from './singleChange.ts';
import { targetSession } from './targetSession.ts';
import type { TargetSession } from './targetSession.ts';

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

/** What was added and not executed yet, in order. */
interface PendingChanges {
  tables: ApplyTable[];
  changes: RowChange[];
  origins: ChangeOrigin[];
  bytes: number;
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

/** Failures of a set for which its changes are tried one by one, in their order. */
const REPLAYED_CLASSES = ['21', '22', '23'];

/** Cannot insert into or update a GENERATED ALWAYS column; the cached plan has another result. */
const REPLAYED_CODES = ['428C9', '0A000'];

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
  let isPrepared = false;

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

  const execute = async (taken: PendingChanges): Promise<void> => {
    await prepare(new Set(taken.tables));
    const onReplay = () => (counters.replays += 1);
    if (taken.changes.length === 1 || !(await applyMerged(target, taken, readBack, onReplay))) {
      if (taken.changes.length > 1) onReplay();
      await applyOneByOne(target, taken, readBack);
    }
    for (const { action } of taken.changes) {
      counters[action === 'I' ? 'inserts' : action === 'U' ? 'updates' : 'deletes'] += 1;
    }
    counters.applied += taken.changes.length;
  };

  const settle = async (): Promise<void> => {
    await running;
    running = undefined;
  };

  /** Begins to execute what was added as soon as what came before is done. */
  const begin = (): Promise<void> | undefined => {
    if (running !== undefined) return settle().then(begin);
    const taken = pending;
    pending = noChanges();
    running = execute(taken);
    // Whoever waits for it next gets the error.
    running.catch(() => undefined);
    return undefined;
  };

  const flush = async (): Promise<void> => {
    await settle();
    if (pending.changes.length === 0) return;
    await begin();
    await settle();
  };

  return {
    counters,
    settle,
    flush,
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

function noChanges(): PendingChanges {
  return { tables: [], changes: [], origins: [], bytes: 0 };
}

/**
 * Table by table. One whose changes the target does not take as sets gets them one by one, and the
 * others are not touched by that.
 *
 * @returns false when that did not do either; then nothing was done.
 */
async function applyMerged(
  target: TargetSession,
  pending: PendingChanges,
  readBack: ReadBack | undefined,
  onReplay: () => void,
): Promise<boolean> {
  const merges = mergeByTable(pending);
  const isAlone = merges.length === 1;
  if (isAlone && merges[0]?.steps === undefined) return false;
  await target.session.query('savepoint pgmove_apply');
  let isDone = true;
  try {
    for (const { table, steps } of merges) {
      if (!isAlone) await target.session.query('savepoint pgmove_table');
      try {
        if (steps === undefined) throw new ImpossibleSequence();
        await applySteps(target, table, steps, readBack);
      } catch (error) {
        if (isAlone || !isReplayed(error)) throw error;
        onReplay();
        await target.session.query('rollback to savepoint pgmove_table');
        if (!(await replayTable(target, table, pending, readBack))) throw error;
      }
      if (!isAlone) await target.session.query('release savepoint pgmove_table');
    }
  } catch (error) {
    if (!isReplayed(error)) throw wrapped(error);
    await target.session.query('rollback to savepoint pgmove_apply');
    isDone = false;
  }
  await target.session.query('release savepoint pgmove_apply');
  return isDone;
}

async function applySteps(
  target: TargetSession,
  table: ApplyTable,
  steps: readonly TableStep[],
  readBack: ReadBack | undefined,
): Promise<void> {
  for (const step of steps) {
    if (step.kind === 'set') await applySet(target, step, readBack);
    else await applyAlone(target, table, step.change, step.origin, readBack);
  }
}

/** @returns false when it needs the changes of other tables between its own. */
async function replayTable(
  target: TargetSession,
  table: ApplyTable,
  pending: PendingChanges,
  readBack: ReadBack | undefined,
): Promise<boolean> {
  try {
    await applyOneByOne(target, pending, readBack, table);
    return true;
  } catch (error) {
    // The caller goes on with the error of the set, and then finds out in the order of the stream.
    if (error instanceof MigrationError && error.kind === 'connectionFailed') throw error;
    return false;
  }
}

/** `steps` are absent for a sequence of changes that cannot be. */
function mergeByTable({
  tables,
  changes,
  origins,
}: PendingChanges): { table: ApplyTable; steps: readonly TableStep[] | undefined }[] {
  const merges = new Map<ApplyTable, TableMerge>();
  const impossible = new Set<TableMerge>();
  let last: TableMerge | undefined;
  for (let i = 0; i < changes.length; i++) {
    const [table, change, origin] = [tables[i], changes[i], origins[i]];
    if (table === undefined || change === undefined || origin === undefined) continue;
    if (last?.table !== table) last = merges.get(table);
    if (last === undefined) {
      last = new TableMerge(table);
      merges.set(table, last);
    }
    if (impossible.has(last)) continue;
    try {
      last.add(change, origin);
    } catch (error) {
      if (!(error instanceof ImpossibleSequence)) throw error;
      impossible.add(last);
    }
  }
  return [...merges.values()].map((merge) => ({
    table: merge.table,
    steps: impossible.has(merge) ? undefined : merge.steps,
  }));
}

/** In the order of the stream; only here it is decided that the target has diverged. */
async function applyOneByOne(
  target: TargetSession,
  { tables, changes, origins }: PendingChanges,
  readBack: ReadBack | undefined,
  only?: ApplyTable,
): Promise<void> {
  for (let i = 0; i < changes.length; i++) {
    const [table, change, origin] = [tables[i], changes[i], origins[i]];
    if (table === undefined || change === undefined || origin === undefined) continue;
    if (only !== undefined && table !== only) continue;
    try {
      await applyAlone(target, table, change, origin, readBack);
    } catch (error) {
      throw changeFailure(table, change, origin, error);
    }
  }
}

async function applyAlone(
  target: TargetSession,
  table: ApplyTable,
  change: RowChange,
  origin: ChangeOrigin,
  readBack: ReadBack | undefined,
): Promise<void> {
  const values = readBack && (await readBackChange(table, change, origin, readBack));
  await applySingle(target, table, change, origin, {
    values,
    isNullUnsure: readBack !== undefined,
  });
}

function isReplayed(error: unknown): boolean {
  if (error instanceof CountMismatch || error instanceof ImpossibleSequence) return true;
  if (error instanceof MigrationError) return error.kind === 'diverged';
  const code = codeOf(error) ?? '';
  return REPLAYED_CODES.includes(code) || REPLAYED_CLASSES.includes(code.slice(0, 2));
}

function wrapped(error: unknown): MigrationError {
  if (error instanceof MigrationError) return error;
  return wrapError(error, 'Applying changes to the target failed');
}
