import { wrapError } from '../../errors/classify.ts';
import { codeOf, MigrationError } from '../../errors/migrationError.ts';
import type { RowChange } from '../messages.ts';
import type { ApplyTable } from './catalog.ts';
import { changeFailure } from './divergence.ts';
import { ImpossibleSequence } from './merge.ts';
import type { ChangeOrigin, MergedSet, TableStep } from './merge.ts';
import { MergedTables } from './mergedTables.ts';
import type { TableSteps } from './mergedTables.ts';
import type { ReadBack } from './readBack.ts';
import { readBackChange } from './readBackSet.ts';
import { applySet, CountMismatch, isPlain, plainStatements, prepareSet } from './setBased.ts';
import type { PreparedSet } from './setBased.ts';
import { applySingle } from './singleChange.ts';
import type { TargetSession } from './targetSession.ts';

/** What was added and not executed yet, in order. */
export interface PendingChanges {
  tables: ApplyTable[];
  changes: RowChange[];
  origins: ChangeOrigin[];
  /** The same changes, merged as they came. */
  merged: MergedTables;
  bytes: number;
}

export function noChanges(): PendingChanges {
  return { tables: [], changes: [], origins: [], merged: new MergedTables(), bytes: 0 };
}

/** Failures of a set for which its changes are tried one by one, in their order. */
const REPLAYED_CLASSES = ['21', '22', '23'];

/** Cannot insert into or update a GENERATED ALWAYS column; the cached plan has another result. */
const REPLAYED_CODES = ['428C9', '0A000'];

export interface BatchOptions {
  target: TargetSession;
  readBack: ReadBack | undefined;
  /** Whether the savepoint of the batch before is there: this one's takes its place. */
  savepoint: { isOpen: boolean };
  /** Called when changes go one by one because the target did not take them as sets. */
  onReplay: () => void;
}

/** Changes that are executed together. */
export class Batch {
  readonly #pending: PendingChanges;
  readonly #options: BatchOptions;
  readonly #merges: readonly TableSteps[];
  /** Sets that nothing was prepared for yet, in order. */
  readonly #ahead: Iterator<MergedSet>;
  readonly #prepared = new Map<MergedSet, PreparedSet>();

  constructor(pending: PendingChanges, options: BatchOptions) {
    this.#pending = pending;
    this.#options = options;
    // A change that is alone is not worth a savepoint.
    this.#merges = pending.changes.length > 1 ? pending.merged.steps() : [];
    this.#ahead = setsOf(this.#merges);
    this.#prepareNext();
  }

  async execute(): Promise<void> {
    const { onReplay } = this.#options;
    const isMerged = this.#merges.length > 0;
    if (isMerged && (await this.#applyAtOnce())) return;
    if (isMerged && (await this.#applyMerged())) return;
    if (isMerged) onReplay();
    await this.#applyOneByOne();
  }

  /** One set's parameters are put together while the server executes the set before it. */
  #prepareNext(): void {
    const { done, value } = this.#ahead.next();
    if (done === true) return;
    const prepared = prepareSet(value, this.#options.readBack);
    if (prepared !== undefined) this.#prepared.set(value, prepared);
  }

  /**
   * Sends everything before anything is answered: the target has its next statement at once, however
   * busy this process is. Where it takes less than everything, all of it is undone.
   *
   * @returns false when something has to be asked in between, or was not taken; nothing was done.
   */
  async #applyAtOnce(): Promise<boolean> {
    const { target, readBack, savepoint } = this.#options;
    const { session } = target;
    const sets: MergedSet[] = [];
    for (const { steps } of this.#merges) {
      for (const step of steps ?? [undefined]) {
        if (step?.kind !== 'set' || !isPlain(step, readBack)) return false;
        sets.push(step);
      }
    }
    const expected: number[] = [];
    const [opened, ...answers] = await session.pipelined(async () => {
      const sent: Promise<unknown>[] = [session.query(savepointSql(savepoint.isOpen))];
      try {
        for (const set of sets) {
          const { parts, parameters } = this.#takePrepared(set);
          for (const [statement, slots] of plainStatements(set, parts)) {
            sent.push(target.run(statement.text, parameters.get(slots) ?? []));
            expected.push(slots.length);
          }
        }
      } catch (error) {
        await Promise.allSettled(sent);
        throw error;
      }
      return Promise.allSettled(sent);
    });
    if (opened?.status === 'rejected') throw wrapped(opened.reason);
    savepoint.isOpen = true;
    const failure = answers.find((answer) => answer.status === 'rejected');
    // What comes behind a failure only says that the transaction is aborted.
    if (failure !== undefined && !isReplayed(failure.reason)) throw wrapped(failure.reason);
    const isTaken = answers.every((answer, i) => {
      return answer.status === 'fulfilled' && answer.value === expected[i];
    });
    if (!isTaken) await session.query('rollback to savepoint pgmove_apply');
    return isTaken;
  }

  #takePrepared(set: MergedSet): PreparedSet {
    const prepared = this.#prepared.get(set) ?? prepareSet(set, this.#options.readBack);
    this.#prepared.delete(set);
    if (prepared === undefined) throw new MigrationError('internal', 'A set is not plain.');
    return prepared;
  }

  /**
   * Table by table. One whose changes the target does not take as sets gets them one by one, and the
   * others are not touched by that.
   *
   * @returns false when that did not do either; then nothing was done.
   */
  async #applyMerged(): Promise<boolean> {
    const { session } = this.#options.target;
    const isAlone = this.#merges.length === 1;
    if (isAlone && this.#merges[0]?.steps === undefined) return false;
    // The target has nothing to do while a command and its answer are on their way: no more than one.
    const { savepoint } = this.#options;
    await session.query(
      savepointSql(savepoint.isOpen) + (isAlone ? '' : '; savepoint pgmove_table'),
    );
    savepoint.isOpen = true;
    let isFirst = true;
    try {
      for (const { table, steps } of this.#merges) {
        if (!isFirst) await session.query('release savepoint pgmove_table; savepoint pgmove_table');
        isFirst = false;
        if (isAlone) await this.#applySteps(table, steps ?? []);
        else await this.#applyTable(table, steps);
      }
    } catch (error) {
      if (!isReplayed(error)) throw wrapped(error);
      await session.query('rollback to savepoint pgmove_apply');
      return false;
    }
    return true;
  }

  async #applyTable(table: ApplyTable, steps: readonly TableStep[] | undefined): Promise<void> {
    const { session } = this.#options.target;
    try {
      if (steps === undefined) throw new ImpossibleSequence();
      await this.#applySteps(table, steps);
    } catch (error) {
      if (!isReplayed(error)) throw error;
      this.#options.onReplay();
      await session.query('rollback to savepoint pgmove_table');
      if (!(await this.#replayTable(table))) throw error;
    }
  }

  async #applySteps(table: ApplyTable, steps: readonly TableStep[]): Promise<void> {
    const { target, readBack } = this.#options;
    for (const step of steps) {
      if (step.kind === 'single') {
        await this.#applyAlone(table, step.change, step.origin);
        continue;
      }
      const prepared = this.#prepared.get(step);
      this.#prepared.delete(step);
      const applied = applySet(target, step, readBack, prepared);
      // Its error is thrown below, whatever the preparation does.
      applied.catch(() => undefined);
      this.#prepareNext();
      await applied;
    }
  }

  /** @returns false when it needs the changes of other tables between its own. */
  async #replayTable(table: ApplyTable): Promise<boolean> {
    try {
      await this.#applyOneByOne(table);
      return true;
    } catch (error) {
      // The caller goes on with the error of the set, and then finds out in the order of the stream.
      if (error instanceof MigrationError && error.kind === 'connectionFailed') throw error;
      return false;
    }
  }

  /** In the order of the stream; only here it is decided that the target has diverged. */
  async #applyOneByOne(only?: ApplyTable): Promise<void> {
    const { tables, changes, origins } = this.#pending;
    for (let i = 0; i < changes.length; i++) {
      const [table, change, origin] = [tables[i], changes[i], origins[i]];
      if (table === undefined || change === undefined || origin === undefined) continue;
      if (only !== undefined && table !== only) continue;
      try {
        await this.#applyAlone(table, change, origin);
      } catch (error) {
        throw changeFailure(table, change, origin, error);
      }
    }
  }

  async #applyAlone(table: ApplyTable, change: RowChange, origin: ChangeOrigin): Promise<void> {
    const { target, readBack } = this.#options;
    const values = readBack && (await readBackChange(table, change, origin, readBack));
    await applySingle(target, table, change, origin, {
      values,
      isNullUnsure: readBack !== undefined,
    });
  }
}

/** The savepoint of the batch before is let go with the same command. */
function savepointSql(isOpen: boolean): string {
  return `${isOpen ? 'release savepoint pgmove_apply; ' : ''}savepoint pgmove_apply`;
}

function* setsOf(merges: readonly TableSteps[]): Generator<MergedSet, undefined> {
  for (const { steps } of merges) {
    for (const step of steps ?? []) if (step.kind === 'set') yield step;
  }
  return undefined;
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
