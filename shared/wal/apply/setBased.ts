import { withAlwaysWritable } from './identityAlways.ts';
import type { MergedSet } from './merge.ts';
import { needsReadBack, readBackSet } from './readBackSet.ts';
import type { ReadBack } from './readBack.ts';
import {
  arrayParameters,
  deleteStatement,
  insertStatement,
  updateStatements,
} from './setStatements.ts';
import type { SetStatement } from './setStatements.ts';
import type { Shape } from './shape.ts';
import type { Parameter, TargetSession } from './targetSession.ts';

/** Thrown when a set did not touch as many rows as it has: the changes are applied one by one. */
export class CountMismatch extends Error {}

/** Slots that one statement is sent for. */
export interface SetParts {
  deletes: number[];
  updates: Map<Shape, number[]>;
  inserts: Map<Shape, number[]>;
}

/** What can be known of a set before it is executed. */
export interface PreparedSet {
  readonly parts: SetParts;
  /** By the list of slots. */
  readonly parameters: Map<readonly number[], readonly Parameter[]>;
}

/** Whether nothing has to be asked between a set's statements. */
export function isPlain(set: MergedSet, readBack: ReadBack | undefined): boolean {
  if (readBack !== undefined && needsReadBack(set)) return false;
  const { key, shapes } = set;
  if (key === undefined) return true;
  return [...new Set(shapes)].every((shape) => {
    return shape === undefined || updateStatements(shape, key).alwaysChanged === undefined;
  });
}

/** What a plain set is executed by, in order. */
export function* plainStatements(
  set: MergedSet,
  parts: SetParts,
): Generator<[SetStatement, readonly number[]]> {
  const { table, key } = set;
  if (key !== undefined) {
    if (parts.deletes.length > 0) yield [deleteStatement(table, key), parts.deletes];
    for (const [shape, slots] of parts.updates) yield [updateStatements(shape, key).update, slots];
  }
  for (const [shape, slots] of parts.inserts) yield [insertStatement(shape), slots];
}

/** Undefined for a set of which values have to be read back first. */
export function prepareSet(
  set: MergedSet,
  readBack: ReadBack | undefined,
): PreparedSet | undefined {
  if (readBack !== undefined && needsReadBack(set)) return undefined;
  const parts = partsOf(set);
  const parameters = new Map<readonly number[], readonly Parameter[]>();
  for (const [statement, slots] of plainStatements(set, parts)) {
    parameters.set(slots, arrayParameters(statement, set, slots));
  }
  return { parts, parameters };
}

/**
 * Executes merged changes: deletes, then updates, then inserts, so that values of other unique
 * columns are free before they are taken again. Where that does not do, the server says so.
 */
export async function applySet(
  target: TargetSession,
  set: MergedSet,
  readBack: ReadBack | undefined,
  prepared?: PreparedSet,
): Promise<void> {
  if (prepared === undefined && readBack !== undefined) await readBackSet(set, readBack);
  const { table, key } = set;
  const parts = prepared?.parts ?? partsOf(set);
  const runSet = (statement: SetStatement, slots: readonly number[]) => {
    const parameters = prepared?.parameters.get(slots) ?? arrayParameters(statement, set, slots);
    prepared?.parameters.delete(slots);
    return runCounted(target, statement, parameters, slots.length);
  };
  if (key !== undefined && parts.deletes.length > 0) {
    await runSet(deleteStatement(table, key), parts.deletes);
  }
  for (const [shape, slots] of parts.updates) {
    if (key === undefined) throw new CountMismatch();
    const statements = updateStatements(shape, key);
    if (await findsAlwaysChanged(target, set, statements.alwaysChanged, slots)) {
      prepared?.parameters.delete(slots);
      await withAlwaysWritable(target, table, () => runSet(statements.updateAll, slots));
    } else {
      await runSet(statements.update, slots);
    }
  }
  for (const [shape, slots] of parts.inserts) {
    await runSet(insertStatement(shape), slots);
  }
}

function partsOf(set: MergedSet): SetParts {
  const parts: SetParts = { deletes: [], updates: new Map(), inserts: new Map() };
  const { states, shapes } = set;
  let [lastUpdate, updates]: [Shape | undefined, number[]] = [undefined, []];
  let [lastInsert, inserts]: [Shape | undefined, number[]] = [undefined, []];
  for (let slot = 0; slot < states.length; slot++) {
    const state = states[slot];
    const shape = shapes[slot];
    if (state === 'delete' || state === 'replace') parts.deletes.push(slot);
    if (shape === undefined) continue;
    if (state === 'update') {
      if (shape !== lastUpdate) [lastUpdate, updates] = [shape, slotsOf(parts.updates, shape)];
      updates.push(slot);
    } else {
      if (shape !== lastInsert) [lastInsert, inserts] = [shape, slotsOf(parts.inserts, shape)];
      inserts.push(slot);
    }
  }
  return parts;
}

function slotsOf(groups: Map<Shape, number[]>, shape: Shape): number[] {
  let slots = groups.get(shape);
  if (slots === undefined) {
    slots = [];
    groups.set(shape, slots);
  }
  return slots;
}

async function runCounted(
  target: TargetSession,
  statement: SetStatement,
  parameters: readonly Parameter[],
  expected: number,
): Promise<void> {
  const count = await target.run(statement.text, parameters);
  if (count !== expected) throw new CountMismatch();
}

async function findsAlwaysChanged(
  target: TargetSession,
  set: MergedSet,
  statement: SetStatement | undefined,
  slots: readonly number[],
): Promise<boolean> {
  if (statement === undefined) return false;
  return (await target.run(statement.text, arrayParameters(statement, set, slots))) > 0;
}
