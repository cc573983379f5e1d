import type { ApplyColumn, ApplyKey, ApplyTable } from './catalog.ts';
import { ArrayLiteral } from './arrayLiteral.ts';
import { binaryArray } from './binaryArray.ts';
import type { MergedSet } from './merge.ts';
import type { Shape } from './shape.ts';
import type { Parameter } from './targetSession.ts';

/** Where one array parameter takes its elements from. */
interface ArraySource {
  readonly column: ApplyColumn;
  readonly from: 'key' | 'values';
  readonly index: number;
}

/** A statement over the rows of `unnest`, one array per column. */
export interface SetStatement {
  readonly text: string;
  readonly sources: readonly ArraySource[];
}

interface ShapeStatements {
  insert: SetStatement | undefined;
  updates: Map<ApplyKey, UpdateStatements>;
}

export interface UpdateStatements {
  readonly update: SetStatement;
  /** GENERATED ALWAYS columns that are present: an update may not write them. */
  readonly always: readonly ApplyColumn[];
  /** Finds the rows in which one of those columns changes. */
  readonly alwaysChanged: SetStatement | undefined;
  /** Writes those columns too: they have to be made BY DEFAULT first. */
  readonly updateAll: SetStatement;
}

const byShape = new WeakMap<Shape, ShapeStatements>();
const deleteByKey = new WeakMap<ApplyKey, SetStatement>();

function statementsOf(shape: Shape): ShapeStatements {
  let statements = byShape.get(shape);
  if (statements === undefined) {
    statements = { insert: undefined, updates: new Map() };
    byShape.set(shape, statements);
  }
  return statements;
}

export function insertStatement(shape: Shape): SetStatement {
  const statements = statementsOf(shape);
  return (statements.insert ??= makeInsert(shape));
}

export function updateStatements(shape: Shape, key: ApplyKey): UpdateStatements {
  const { updates } = statementsOf(shape);
  let statements = updates.get(key);
  if (statements === undefined) {
    statements = makeUpdates(shape, key);
    updates.set(key, statements);
  }
  return statements;
}

export function deleteStatement(table: ApplyTable, key: ApplyKey): SetStatement {
  let statement = deleteByKey.get(key);
  if (statement === undefined) {
    const sources = keySources(key);
    const text =
      `delete from only ${table.sql} t using ${orderedSql(key, sources)} ` +
      `where ${joinSql(key, sources)}`;
    statement = { text, sources };
    deleteByKey.set(key, statement);
  }
  return statement;
}

function makeInsert(shape: Shape): SetStatement {
  const sources = shape.fields.map(({ column, index }) => ({
    column,
    from: 'values' as const,
    index,
  }));
  return {
    text:
      `insert into ${shape.table.sql} (${shape.fields.map(({ column }) => column.sql).join(', ')}) ` +
      `${overridingSql(shape.table)}select ${sources.map(unnestedSql).join(', ')}`,
    sources,
  };
}

/** One array's elements, row by row: side by side in a select they are not put into a table first. */
function unnestedSql({ column: { type } }: ArraySource, i: number): string {
  return type.arraySql === undefined
    ? `unnest($${i + 1}::text[])::${type.sql}`
    : `unnest($${i + 1}::${type.arraySql})`;
}

/** Identity columns that are GENERATED ALWAYS take the source's values only when told so. */
export function overridingSql(table: ApplyTable): string {
  return table.hasIdentity ? 'overriding system value ' : '';
}

function makeUpdates(shape: Shape, key: ApplyKey): UpdateStatements {
  // A merged update never changes its key.
  const fields = shape.fields.filter(({ column }) => !key.columns.includes(column));
  const always = fields.filter(({ column }) => column.identity === 'a');
  const others = fields.filter(({ column }) => column.identity !== 'a');
  const toSources = (chosen: typeof fields) => [
    ...keySources(key),
    ...chosen.map(({ column, index }) => ({ column, from: 'values' as const, index })),
  ];
  const build = (chosen: typeof fields): SetStatement => {
    const sources = toSources(chosen);
    const { table } = shape;
    // Where nothing but the key is there to set, the row still has to be there.
    const text =
      chosen.length === 0
        ? `select from only ${table.sql} t join ${unnestSql(sources)} on ${joinSql(key, sources)}`
        : `update only ${table.sql} t set ${setSql(key, sources)} from ${orderedSql(key, sources)} ` +
          `where ${joinSql(key, sources)}`;
    return { text, sources };
  };
  return {
    update: build(others),
    always: always.map(({ column }) => column),
    alwaysChanged:
      always.length === 0 ? undefined : makeAlwaysChanged(shape, key, toSources(always)),
    updateAll: build(fields),
  };
}

function makeAlwaysChanged(
  { table }: Shape,
  key: ApplyKey,
  sources: readonly ArraySource[],
): SetStatement {
  const changed = sources
    .map((source, i) => ({ source, element: elementSql(source, i) }))
    .slice(key.columns.length)
    .map(({ source, element }) => `t.${source.column.sql} is distinct from ${element}`);
  return {
    text:
      `select from only ${table.sql} t join ${unnestSql(sources)} ` +
      `on ${joinSql(key, sources)} where ${changed.join(' or ')} limit 1`,
    sources,
  };
}

export function keySources(key: ApplyKey): ArraySource[] {
  return key.columns.map((column, index) => ({ column, from: 'key', index }));
}

function setSql(key: ApplyKey, sources: readonly ArraySource[]): string {
  return sources
    .map((source, i) => `${source.column.sql} = ${elementSql(source, i)}`)
    .slice(key.columns.length)
    .join(', ');
}

export function joinSql(key: ApplyKey, sources: readonly ArraySource[]): string {
  return key.columns
    .map((column, i) => {
      const source = sources[i];
      const element = source === undefined ? '' : elementSql(source, i);
      return `t.${column.sql} ${key.operators[i]} ${element}`;
    })
    .join(' and ');
}

/** The arrays as a table u with a column c0, c1, … for each. */
export function unnestSql(sources: readonly ArraySource[], alias?: string): string {
  // Only the bare name is the form of unnest that takes several arrays.
  const arrays = sources.map(({ column }, i) => `$${i + 1}::${column.type.arraySql ?? 'text[]'}`);
  const names = sources.map((_source, i) => `c${i}`).join(', ');
  return `unnest(${arrays.join(', ')}) ${alias ?? `u (${names})`}`;
}

/**
 * The same in the order of the key: pages of the table and of the index are then visited once, not
 * once for each row. Only for types that surely have an order.
 */
function orderedSql(key: ApplyKey, sources: readonly ArraySource[]): string {
  if (!key.columns.every(({ type }) => type.isPlain)) return unnestSql(sources);
  const order = key.columns.map((_column, i) => `u.c${i}`).join(', ');
  return `(select * from ${unnestSql(sources)} order by ${order}) u`;
}

function elementSql({ column }: ArraySource, i: number): string {
  return column.type.arraySql === undefined ? `u.c${i}::${column.type.sql}` : `u.c${i}`;
}

/** The array parameters of a statement for the chosen slots of a set. */
export function arrayParameters(
  statement: SetStatement,
  set: Pick<MergedSet, 'keys' | 'values'>,
  slots: readonly number[],
): Parameter[] {
  return statement.sources.map(({ column, from, index }) => {
    const { type } = column;
    const isArray = type.arraySql !== undefined;
    const rows = from === 'key' ? set.keys : set.values;
    const binary = isArray ? binaryArray(type.oid, { rows, slots, index }) : undefined;
    if (binary !== undefined) return binary;
    const literal = new ArrayLiteral(isArray && type.isPlain, isArray ? type.delimiter : ',');
    for (const slot of slots) literal.add(rows[slot]?.at(index) ?? null);
    return literal.toString();
  });
}
