import type { RowChange, Value } from '../messages.ts';
import { TextTuple } from '../tuple.ts';
import type { Tuple } from '../tuple.ts';
import type { ApplyTable } from './catalog.ts';
import { written } from './merge.ts';
import type { ChangeOrigin, MergedSet } from './merge.ts';
import type { ReadBack } from './readBack.ts';
import type { Field, Shape } from './shape.ts';

/** Whether a set has nulls that may stand for NaN or an infinity. */
export function needsReadBack({ shapes, values }: MergedSet): boolean {
  return shapes.some((shape, slot) => shape !== undefined && isUnsure(shape, values[slot]));
}

/** Replaces the nulls of a set that may stand for NaN or an infinity. One query per set of columns. */
export async function readBackSet(set: MergedSet, readBack: ReadBack): Promise<void> {
  const { table, key, shapes, values, origins } = set;
  const unsure = new Map<Shape, number[]>();
  for (let slot = 0; slot < shapes.length; slot++) {
    const shape = shapes[slot];
    if (shape === undefined || !isUnsure(shape, values[slot])) continue;
    const slots = unsure.get(shape);
    if (slots === undefined) unsure.set(shape, [slot]);
    else slots.push(slot);
  }
  for (const [shape, slots] of unsure) {
    if (key === undefined) {
      await readWholeSet(set, shape, slots, readBack);
      continue;
    }
    const indexes = shape.keyIndexes(key);
    const found = await readBack.read({
      table,
      key,
      // A column of the key that is absent did not change.
      keys: slots.map((slot) => {
        return set.keys[slot] ?? new TextTuple(indexes.map((i) => values[slot]?.at(i) ?? null));
      }),
      xids: slots.map((slot) => origins[slot]?.xid ?? 0),
      columns: shape.maybeNotFinite.map(({ column }) => column),
    });
    slots.forEach((slot, i) => {
      values[slot] = filled(shape, values[slot]?.texts() ?? [], found[i]);
    });
  }
}

/** The same for a change that is applied by itself; undefined when all its values are sure. */
export async function readBackChange(
  table: ApplyTable,
  change: RowChange,
  origin: ChangeOrigin,
  readBack: ReadBack,
): Promise<Tuple | undefined> {
  if (change.action === 'D') return undefined;
  const { shape, values } = written(table, change);
  if (!isUnsure(shape, values)) return undefined;
  for (const key of table.keys) {
    const texts = key.columns.map(({ name }) => {
      const index = shape.set.names.indexOf(name);
      if (index >= 0) return values.at(index);
      const old = change.identity?.names.indexOf(name) ?? -1;
      return change.identityValues?.at(old) ?? null;
    });
    if (texts.includes(null)) continue;
    const columns = shape.maybeNotFinite.map(({ column }) => column);
    const keys = [new TextTuple(texts)];
    const request = { table, key, keys, xids: [origin.xid], columns };
    const [found] = await readBack.read(request);
    return filled(shape, values.texts(), found);
  }
  // A TOASTed value that did not change is only in the identity.
  const { identity, identityValues } = change;
  const kept = (identity?.names ?? []).flatMap((name, index) => {
    const column = table.columnByName.get(name);
    const isKept = column && !column.isGenerated && !shape.set.names.includes(name);
    return isKept ? [{ column, value: identityValues?.at(index) ?? null }] : [];
  });
  const unsure = unsureFields(shape, values);
  const known = knownFields(shape, unsure);
  const [texts] = await readBack.readWhole({
    table,
    known: [...known.map(({ column }) => column), ...kept.map(({ column }) => column)],
    rows: [
      {
        values: [...known.map(({ index }) => values.at(index)), ...kept.map(({ value }) => value)],
        xid: origin.xid,
      },
    ],
    columns: unsure.map(({ column }) => column),
  });
  return withTexts(values.texts(), unsure, texts);
}

/** Inserted rows of a table without a key, one query for those with the same nulls. */
async function readWholeSet(
  { table, values, origins }: MergedSet,
  shape: Shape,
  slots: readonly number[],
  readBack: ReadBack,
): Promise<void> {
  const byNulls = new Map<string, number[]>();
  for (const slot of slots) {
    const nulls = unsureFields(shape, values[slot]).map(({ index }) => index);
    const group = byNulls.get(nulls.join());
    if (group === undefined) byNulls.set(nulls.join(), [slot]);
    else group.push(slot);
  }
  for (const group of byNulls.values()) {
    const unsure = unsureFields(shape, values[group[0] ?? 0]);
    const known = knownFields(shape, unsure);
    const found = await readBack.readWhole({
      table,
      known: known.map(({ column }) => column),
      rows: group.map((slot) => ({
        values: known.map(({ index }) => values[slot]?.at(index) ?? null),
        xid: origins[slot]?.xid ?? 0,
      })),
      columns: unsure.map(({ column }) => column),
    });
    group.forEach((slot, i) => {
      values[slot] = withTexts(values[slot]?.texts() ?? [], unsure, found[i]);
    });
  }
}

function unsureFields(shape: Shape, values: Tuple | undefined): Field[] {
  return shape.maybeNotFinite.filter(({ index }) => values?.isNull(index) ?? true);
}

function knownFields(shape: Shape, unsure: readonly Field[]): Field[] {
  return shape.fields.filter((field) => !unsure.includes(field));
}

function withTexts(
  values: readonly Value[],
  unsure: readonly Field[],
  texts: Value[] | undefined,
): Tuple {
  const result = [...values];
  unsure.forEach(({ index, column }, i) => {
    result[index] = texts === undefined ? placeholder(column.isNotNull) : (texts[i] ?? null);
  });
  return new TextTuple(result);
}

function isUnsure(shape: Shape, values: Tuple | undefined): boolean {
  for (const { index } of shape.maybeNotFinite) {
    if (values?.isNull(index) === true) return true;
  }
  return false;
}

function filled(shape: Shape, values: readonly Value[], found: Value[] | undefined): Tuple {
  const result = [...values];
  shape.maybeNotFinite.forEach(({ index, column }, i) => {
    if (result[index] !== null) return;
    result[index] = found?.[i] ?? placeholder(column.isNotNull);
  });
  return new TextTuple(result);
}

/**
 * Stands until the change arrives by which the row went away. A column that takes no null had NaN
 * or an infinity.
 */
function placeholder(isNotNull: boolean): Value {
  return isNotNull ? 'NaN' : null;
}
