import type { RowChange } from '../messages.ts';
import { TextTuple } from '../tuple.ts';
import type { Tuple } from '../tuple.ts';
import type { ApplyKey, ApplyTable } from './catalog.ts';
import { identityOf, schemaChanged, shapeOf } from './shape.ts';
import type { Shape } from './shape.ts';

/*
 * Changes of one table between two barriers, merged by key: what is left is at most one delete,
 * one update or one insert per key (a key that was deleted and inserted again has both), so that
 * they can be sent as sets, deletes first. Keys are told apart by their texts: the identity of a
 * message is the text of the stored value.
 */

/** Where a change stands, for messages. */
export interface ChangeOrigin {
  xid: number;
  endLsn: bigint;
}

export type MergedState = 'insert' | 'update' | 'delete' | 'replace' | 'nothing';

export interface MergedSet {
  readonly kind: 'set';
  readonly table: ApplyTable;
  /** Absent for tables without one: then there are only inserts, in order. */
  readonly key: ApplyKey | undefined;
  readonly states: MergedState[];
  /** The old key's values, in the order of the key's columns; of update, delete and replace. */
  readonly keys: (Tuple | undefined)[];
  /** What is written; of insert, update and replace. */
  readonly shapes: (Shape | undefined)[];
  readonly values: (Tuple | undefined)[];
  /** The last change of the key. */
  readonly origins: ChangeOrigin[];
  /** Slot by what tells the key from others. */
  readonly slots: Map<string | number, number>;
}

/** A change that is executed by itself: one that moves a key, or of a table without a key. */
export interface SingleStep {
  readonly kind: 'single';
  readonly change: RowChange;
  readonly origin: ChangeOrigin;
}

export type TableStep = MergedSet | SingleStep;

/** Thrown for a sequence that cannot be: the server is asked, row by row, what it says to it. */
export class ImpossibleSequence extends Error {}

/** Gathers the steps of one table; their order matters only among themselves. */
export class TableMerge {
  readonly table: ApplyTable;
  readonly steps: TableStep[] = [];
  #open: MergedSet | undefined;

  constructor(table: ApplyTable) {
    this.table = table;
  }

  add(change: RowChange, origin: ChangeOrigin): void {
    if (change.action === 'I') return this.#insert(change, origin);
    const { identity, identityValues } = change;
    const binding = identity && identityOf(this.table, identity);
    // Without an identity, or with a key that is unknown in part, nothing is merged.
    if (binding?.key === undefined || identityValues === undefined) {
      return this.#single(change, origin);
    }
    const key = slotKey(identityValues, binding.indexes);
    if (key === undefined) return this.#single(change, origin);
    const old = { key, columns: binding.key, values: identityValues, indexes: binding.indexes };
    if (change.action === 'D') return this.#delete(old, origin);
    return this.#update(change, old, origin);
  }

  #single(change: RowChange, origin: ChangeOrigin): void {
    this.#open = undefined;
    this.steps.push({ kind: 'single', change, origin });
  }

  /** The set that changes with this key go into. Another key than before is a barrier. */
  #setFor(key: ApplyKey | undefined): MergedSet {
    if (this.#open !== undefined && this.#open.key === key) return this.#open;
    this.#open = {
      kind: 'set',
      table: this.table,
      key,
      states: [],
      keys: [],
      shapes: [],
      values: [],
      origins: [],
      slots: new Map(),
    };
    this.steps.push(this.#open);
    return this.#open;
  }

  #insert(change: RowChange, origin: ChangeOrigin): void {
    const { shape, values } = written(this.table, change);
    if (shape.missingForInsert !== undefined) {
      throw schemaChanged(
        this.table,
        `an inserted row has no value for the target's column ${shape.missingForInsert}`,
      );
    }
    if (shape.fields.length === 0) return this.#single(change, origin);
    // Whichever key is in use; the primary one as long as nothing else is known.
    const key = this.#open?.key ?? this.table.keys[0];
    if (key === undefined) {
      push(this.#setFor(undefined), 'insert', undefined, shape, values, origin);
      return;
    }
    const inserted = slotKey(values, shape.keyIndexes(key));
    if (inserted === undefined) return this.#single(change, origin);
    const set = this.#setFor(key);
    const slot = set.slots.get(inserted);
    if (slot === undefined) {
      set.slots.set(inserted, push(set, 'insert', undefined, shape, values, origin));
      return;
    }
    const state = set.states[slot];
    if (state !== 'delete' && state !== 'nothing') throw new ImpossibleSequence();
    set.states[slot] = state === 'delete' ? 'replace' : 'insert';
    set.shapes[slot] = shape;
    set.values[slot] = values;
    set.origins[slot] = origin;
  }

  #update(change: RowChange, old: OldKey, origin: ChangeOrigin): void {
    const { shape, values } = written(this.table, change);
    if (shape.missingForUpdate !== undefined) {
      throw schemaChanged(
        this.table,
        `an updated row has no value for the target's column ${shape.missingForUpdate}`,
      );
    }
    if (isKeyChanged(shape, values, old)) return this.#single(change, origin);
    const set = this.#setFor(old.columns);
    const slot = set.slots.get(old.key);
    if (slot === undefined) {
      set.slots.set(old.key, push(set, 'update', keyTuple(old), shape, values, origin));
      return;
    }
    const state = set.states[slot];
    const [earlier, before] = [set.shapes[slot], set.values[slot]];
    if (state === 'delete' || state === 'nothing' || earlier === undefined) {
      throw new ImpossibleSequence();
    }
    const union = earlier.union(shape);
    set.shapes[slot] = union.shape;
    set.values[slot] = union.merge(before ?? NO_VALUES, values);
    set.origins[slot] = origin;
  }

  #delete(old: OldKey, origin: ChangeOrigin): void {
    const set = this.#setFor(old.columns);
    const slot = set.slots.get(old.key);
    if (slot === undefined) {
      set.slots.set(old.key, push(set, 'delete', keyTuple(old), undefined, undefined, origin));
      return;
    }
    const state = set.states[slot];
    if (state === 'delete' || state === 'nothing') throw new ImpossibleSequence();
    set.states[slot] = state === 'insert' ? 'nothing' : 'delete';
    set.shapes[slot] = undefined;
    set.values[slot] = undefined;
    set.origins[slot] = origin;
  }
}

/** The key of an update or a delete. */
interface OldKey {
  readonly key: string | number;
  readonly columns: ApplyKey;
  /** Of the identity, and where the key's columns are in it. */
  readonly values: Tuple;
  readonly indexes: readonly number[];
}

const NO_VALUES = new TextTuple([]);

function push(
  set: MergedSet,
  state: MergedState,
  key: Tuple | undefined,
  shape: Shape | undefined,
  values: Tuple | undefined,
  origin: ChangeOrigin,
): number {
  set.keys.push(key);
  set.shapes.push(shape);
  set.values.push(values);
  set.origins.push(origin);
  return set.states.push(state) - 1;
}

export function written(table: ApplyTable, change: RowChange): { shape: Shape; values: Tuple } {
  if (change.columns === undefined || change.values === undefined) {
    throw new RangeError(`A change of ${table.schema}.${table.name} has no new values.`);
  }
  return { shape: shapeOf(table, change.columns), values: change.values };
}

/** What tells a key from others of its table; undefined when a value of it is not known. */
export function slotKey(values: Tuple, indexes: readonly number[]): string | number | undefined {
  if (indexes.length === 1) return values.key(indexes[0] ?? -1) ?? undefined;
  const texts = indexes.map((index) => values.at(index));
  // No text contains the character that separates.
  return texts.includes(null) ? undefined : texts.join('\0');
}

/** The old values in the order of the key's columns. */
function keyTuple({ values, indexes }: OldKey): Tuple {
  if (indexes.every((index, i) => index === i)) return values;
  return new TextTuple(indexes.map((index) => values.at(index)));
}

/** Whether an update moves its row to another key. A column that is absent did not change. */
function isKeyChanged(shape: Shape, values: Tuple, old: OldKey): boolean {
  const indexes = shape.keyIndexes(old.columns);
  for (let i = 0; i < indexes.length; i++) {
    const index = indexes[i] ?? -1;
    if (index >= 0 && values.key(index) !== old.values.key(old.indexes[i] ?? -1)) return true;
  }
  return false;
}
