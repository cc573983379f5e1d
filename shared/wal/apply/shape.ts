import { MigrationError } from '../../errors/migrationError.ts';
import type { ColumnSet } from '../messages.ts';
import { TextTuple } from '../tuple.ts';
import type { Tuple } from '../tuple.ts';
import type { ApplyColumn, ApplyKey, ApplyTable } from './catalog.ts';
import { isMaybeNotFinite } from './types.ts';

/** A value of a message and the target's column it belongs to. */
export interface Field {
  readonly index: number;
  readonly column: ApplyColumn;
}

/** The columns of a message seen with the target's table; one object per sequence of columns. */
export interface Shape {
  readonly table: ApplyTable;
  readonly set: ColumnSet;
  /** What is written: generated columns are not in it. */
  readonly fields: readonly Field[];
  /** Fields in which a null may stand for NaN or an infinity (wal2json before 2.6). */
  readonly maybeNotFinite: readonly Field[];
  /** The first column that the target has and an insert needs; undefined when all are there. */
  readonly missingForInsert: string | undefined;
  /** The first missing column that an update cannot leave out, because it is never TOASTed. */
  readonly missingForUpdate: string | undefined;
  /** Where the columns of a key are in the message; -1 for one that is absent. */
  keyIndexes(key: ApplyKey): readonly number[];
  /** This shape's columns and another's, where the other's values win. */
  union(later: Shape): ShapeUnion;
}

export interface ShapeUnion {
  readonly shape: Shape;
  merge(earlier: Tuple, later: Tuple): Tuple;
}

/** The old key of an update or a delete, and how the row is found by it. */
export interface IdentityBinding {
  readonly set: ColumnSet;
  readonly fields: readonly Field[];
  /** Absent when no usable key of the target lies within the identity: rows are compared whole. */
  readonly key: ApplyKey | undefined;
  /** Where the key's columns are in the identity. */
  readonly indexes: readonly number[];
}

interface TableShapes {
  bySet: WeakMap<ColumnSet, Shape>;
  bySignature: Map<string, Shape>;
  identities: WeakMap<ColumnSet, IdentityBinding>;
}

const shapesOfTable = new WeakMap<ApplyTable, TableShapes>();

function shapesOf(table: ApplyTable): TableShapes {
  let shapes = shapesOfTable.get(table);
  if (shapes === undefined) {
    shapes = { bySet: new WeakMap(), bySignature: new Map(), identities: new WeakMap() };
    shapesOfTable.set(table, shapes);
  }
  return shapes;
}

/**
 * The shape of a message's columns, made once.
 *
 * @throws MigrationError schemaChanged when the target has no such column, or of another type.
 */
export function shapeOf(table: ApplyTable, set: ColumnSet): Shape {
  const shapes = shapesOf(table);
  const known = shapes.bySet.get(set);
  if (known !== undefined) return known;
  const signature = `${set.names.join('\0')}\0\0${set.typeOids.join()}`;
  const shape = shapes.bySignature.get(signature) ?? makeShape(table, set);
  shapes.bySignature.set(signature, shape);
  shapes.bySet.set(set, shape);
  return shape;
}

export function identityOf(table: ApplyTable, set: ColumnSet): IdentityBinding {
  const { identities } = shapesOf(table);
  const known = identities.get(set);
  if (known !== undefined) return known;
  const fields = fieldsOf(table, set);
  const key = table.keys.find(({ columns }) =>
    columns.every(({ name }) => set.names.includes(name)),
  );
  const indexes = key?.columns.map(({ name }) => set.names.indexOf(name)) ?? [];
  const binding = { set, fields, key, indexes };
  identities.set(set, binding);
  return binding;
}

function makeShape(table: ApplyTable, set: ColumnSet): Shape {
  const fields = fieldsOf(table, set);
  const present = new Set(set.names);
  const absent = table.columns.filter(
    ({ name, isGenerated }) => !isGenerated && !present.has(name),
  );
  const keyIndexes = new Map<ApplyKey, readonly number[]>();
  const unions = new Map<Shape, ShapeUnion>();
  const shape: Shape = {
    table,
    set,
    fields,
    maybeNotFinite: fields.filter(({ index }) => isMaybeNotFinite(set.typeOids[index] ?? 0)),
    missingForInsert: absent[0]?.name,
    missingForUpdate: absent.find(({ isToastable }) => !isToastable)?.name,
    keyIndexes(key) {
      let indexes = keyIndexes.get(key);
      if (indexes === undefined) {
        indexes = key.columns.map(({ name }) => set.names.indexOf(name));
        keyIndexes.set(key, indexes);
      }
      return indexes;
    },
    union(later) {
      let union = unions.get(later);
      if (union === undefined) {
        union = makeUnion(shape, later);
        unions.set(later, union);
      }
      return union;
    },
  };
  return shape;
}

function makeUnion(earlier: Shape, later: Shape): ShapeUnion {
  const kept = earlier.set.names.flatMap((name, index) =>
    later.set.names.includes(name) ? [] : [index],
  );
  if (kept.length === 0) return { shape: later, merge: (_earlier, values) => values };
  const set: ColumnSet = {
    names: [...later.set.names, ...kept.map((index) => earlier.set.names[index] ?? '')],
    typeOids: [...later.set.typeOids, ...kept.map((index) => earlier.set.typeOids[index] ?? 0)],
  };
  return {
    shape: shapeOf(earlier.table, set),
    merge: (before, after) =>
      new TextTuple([...after.texts(), ...kept.map((index) => before.at(index))]),
  };
}

function fieldsOf(table: ApplyTable, set: ColumnSet): Field[] {
  return set.names.flatMap((name, index) => {
    const column = table.columnByName.get(name);
    if (column === undefined) {
      throw schemaChanged(table, `the source's column ${name} is not on the target`);
    }
    const typeOid = set.typeOids[index] ?? 0;
    if (typeOid > 0 && typeOid < FIRST_UNSTABLE_OID && typeOid !== column.type.oid) {
      throw schemaChanged(
        table,
        `the column ${name} has another type on the source than ${column.type.sql}`,
      );
    }
    return column.isGenerated ? [] : [{ index, column }];
  });
}

/** Oids below are the same on every server and in every version. */
const FIRST_UNSTABLE_OID = 10_000;

export function schemaChanged(table: ApplyTable, what: string): MigrationError {
  return new MigrationError(
    'schemaChanged',
    `The table ${table.schema}.${table.name} was changed on the source while it was replicated: ` +
      `${what}. Make the same change on the target, or migrate the database anew.`,
  );
}
