import type { RowChange, Value } from '../messages.ts';
import type { ApplyTable } from './catalog.ts';
import { keyValues, written } from './merge.ts';
import type { ChangeOrigin, MergedSet } from './merge.ts';
import type { ReadBack } from './readBack.ts';
import type { Field, Shape } from './shape.ts';

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
      for (const slot of slots) {
        const told = values[slot] ?? [];
        const xid = origins[slot]?.xid ?? 0;
        values[slot] = await readWhole(table, shape, told, xid, readBack);
      }
      continue;
    }
    const indexes = shape.keyIndexes(key);
    const found = await readBack.read({
      table,
      key,
      // A column of the key that is absent did not change.
      keys: slots.map((slot) => set.keys[slot] ?? keyValues(values[slot] ?? [], indexes) ?? []),
      xids: slots.map((slot) => origins[slot]?.xid ?? 0),
      columns: shape.maybeNotFinite.map(({ column }) => column),
    });
    slots.forEach((slot, i) => {
      values[slot] = filled(shape, values[slot] ?? [], found[i]);
    });
  }
}

/** The same for a change that is applied by itself; undefined when all its values are sure. */
export async function readBackChange(
  table: ApplyTable,
  change: RowChange,
  origin: ChangeOrigin,
  readBack: ReadBack,
): Promise<Value[] | undefined> {
  if (change.action === 'D') return undefined;
  const { shape, values } = written(table, change);
  if (!isUnsure(shape, values)) return undefined;
  for (const key of table.keys) {
    const texts = key.columns.map(({ name }) => {
      const index = shape.set.names.indexOf(name);
      if (index >= 0) return values[index] ?? null;
      const old = change.identity?.names.indexOf(name) ?? -1;
      return change.identityValues?.[old] ?? null;
    });
    if (texts.includes(null)) continue;
    const columns = shape.maybeNotFinite.map(({ column }) => column);
    const request = { table, key, keys: [texts], xids: [origin.xid], columns };
    const [found] = await readBack.read(request);
    return filled(shape, values, found);
  }
  return await readWhole(table, shape, values, origin.xid, readBack, change);
}

async function readWhole(
  table: ApplyTable,
  shape: Shape,
  values: readonly Value[],
  xid: number,
  readBack: ReadBack,
  change?: RowChange,
): Promise<Value[]> {
  const isNull = ({ index }: Field) => (values[index] ?? null) === null;
  const unsure = shape.maybeNotFinite.filter(isNull);
  const known = shape.fields
    .filter((field) => !unsure.includes(field))
    .map(({ column, index }) => ({ column, value: values[index] ?? null }));
  // A TOASTed value that did not change is only in the identity.
  const { identity, identityValues } = change ?? {};
  for (const column of table.columns) {
    const old = identity?.names.indexOf(column.name) ?? -1;
    if (old < 0 || column.isGenerated || shape.set.names.includes(column.name)) continue;
    known.push({ column, value: identityValues?.[old] ?? null });
  }
  const columns = unsure.map(({ column }) => column);
  const texts = await readBack.readWhole({ table, known, xid, columns });
  const result = [...values];
  unsure.forEach(({ index, column }, i) => {
    result[index] = texts === undefined ? placeholder(column.isNotNull) : (texts[i] ?? null);
  });
  return result;
}

function isUnsure(shape: Shape, values: readonly Value[] | undefined): boolean {
  for (const { index } of shape.maybeNotFinite) {
    if (values?.[index] === null) return true;
  }
  return false;
}

function filled(shape: Shape, values: readonly Value[], found: Value[] | undefined): Value[] {
  const result = [...values];
  shape.maybeNotFinite.forEach(({ index, column }, i) => {
    if (result[index] !== null) return;
    const text = found === undefined ? null : (found[i] ?? null);
    result[index] = text ?? placeholder(column.isNotNull);
  });
  return result;
}

/**
 * Stands until the change arrives by which the row went away. A column that takes no null had NaN
 * or an infinity.
 */
function placeholder(isNotNull: boolean): Value {
  return isNotNull ? 'NaN' : null;
}
