import type { RowChange, Value } from '../messages.ts';
import type { ApplyKey, ApplyTable } from './catalog.ts';
import { identityOf, schemaChanged, shapeOf } from './shape.ts';
import type { IdentityBinding, Shape } from './shape.ts';

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
  readonly keys: (readonly Value[] | undefined)[];
  /** What is written; of insert, update and replace. */
  readonly shapes: (Shape | undefined)[];
  readonly values: (Value[] | undefined)[];
  /** The last change of the key. */
  readonly origins: ChangeOrigin[];
  /** Slot by the key's text. */
  readonly slots: Map<string, number>;
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
    const key = keyValues(identityValues, binding.indexes);
    if (key === undefined) return this.#single(change, origin);
    if (change.action === 'D') return this.#delete(key, binding, origin);
    return this.#update(change, key, binding, origin);
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
    const inserted = keyValues(values, shape.keyIndexes(key));
    if (inserted === undefined) return this.#single(change, origin);
    const set = this.#setFor(key);
    const text = keyText(inserted);
    const slot = set.slots.get(text);
    if (slot === undefined) {
      set.slots.set(text, push(set, 'insert', undefined, shape, values, origin));
      return;
    }
    const state = set.states[slot];
    if (state !== 'delete' && state !== 'nothing') throw new ImpossibleSequence();
    set.states[slot] = state === 'delete' ? 'replace' : 'insert';
    set.shapes[slot] = shape;
    set.values[slot] = values;
    set.origins[slot] = origin;
  }

  #update(
    change: RowChange,
    key: readonly Value[],
    binding: IdentityBinding,
    origin: ChangeOrigin,
  ): void {
    const { shape, values } = written(this.table, change);
    if (shape.missingForUpdate !== undefined) {
      throw schemaChanged(
        this.table,
        `an updated row has no value for the target's column ${shape.missingForUpdate}`,
      );
    }
    if (binding.key === undefined || isKeyChanged(shape, values, binding.key, key)) {
      return this.#single(change, origin);
    }
    const set = this.#setFor(binding.key);
    const text = keyText(key);
    const slot = set.slots.get(text);
    if (slot === undefined) {
      set.slots.set(text, push(set, 'update', key, shape, values, origin));
      return;
    }
    const state = set.states[slot];
    const [earlier, before] = [set.shapes[slot], set.values[slot]];
    if (state === 'delete' || state === 'nothing' || earlier === undefined) {
      throw new ImpossibleSequence();
    }
    const union = earlier.union(shape);
    set.shapes[slot] = union.shape;
    set.values[slot] = union.merge(before ?? [], values);
    set.origins[slot] = origin;
  }

  #delete(key: readonly Value[], binding: IdentityBinding, origin: ChangeOrigin): void {
    const set = this.#setFor(binding.key);
    const text = keyText(key);
    const slot = set.slots.get(text);
    if (slot === undefined) {
      set.slots.set(text, push(set, 'delete', key, undefined, undefined, origin));
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

function push(
  set: MergedSet,
  state: MergedState,
  key: readonly Value[] | undefined,
  shape: Shape | undefined,
  values: Value[] | undefined,
  origin: ChangeOrigin,
): number {
  set.keys.push(key);
  set.shapes.push(shape);
  set.values.push(values);
  set.origins.push(origin);
  return set.states.push(state) - 1;
}

export function written(table: ApplyTable, change: RowChange): { shape: Shape; values: Value[] } {
  if (change.columns === undefined || change.values === undefined) {
    throw new RangeError(`A change of ${table.schema}.${table.name} has no new values.`);
  }
  return { shape: shapeOf(table, change.columns), values: change.values };
}

/** The key's values, or undefined when one is not known. */
export function keyValues(
  values: readonly Value[],
  indexes: readonly number[],
): Value[] | undefined {
  const key = indexes.map((index) => values[index] ?? null);
  return key.includes(null) ? undefined : key;
}

/** No text contains the character that separates. */
function keyText(key: readonly Value[]): string {
  return key.length === 1 ? (key[0] ?? '') : key.join('\0');
}

/** Whether an update moves its row to another key. A column that is absent did not change. */
function isKeyChanged(
  shape: Shape,
  values: readonly Value[],
  key: ApplyKey,
  old: readonly Value[],
): boolean {
  const indexes = shape.keyIndexes(key);
  for (let i = 0; i < indexes.length; i++) {
    const index = indexes[i] ?? -1;
    if (index >= 0 && values[index] !== old[i]) return true;
  }
  return false;
}
