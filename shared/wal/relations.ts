import type { ColumnSet } from './messages.ts';

/*
 * Names in the stream come again with every row. They are decoded once: a row's name bytes are
 * compared with those that were seen, which costs less than making a string of them.
 */

/**
 * One column of a sequence of columns: the path from the root to a node is the sequence. What
 * follows a column is most often what followed it last time.
 */
export interface ColumnNode {
  /** `{"name":"id","typeoid":23,"value":` as it stands in the message. */
  readonly header: Uint8Array;
  readonly name: string;
  readonly typeOid: number;
  readonly parent: ColumnNode | undefined;
  readonly children: ColumnNode[];
  /** The child that was met last. */
  next: ColumnNode | undefined;
  /** Made when a message ends with this column. */
  set: ColumnSet | undefined;
}

export interface Relation {
  readonly schema: string;
  readonly table: string;
  /** The names as they stand in the message, without quotes. */
  readonly schemaBytes: Uint8Array;
  readonly tableBytes: Uint8Array;
  /** What names it in a message: see messageHead.ts. */
  readonly head: Uint8Array;
  /** The relation of the row that came behind a row of this one last time. */
  next: Relation | undefined;
  columns: ColumnNode;
  identity: ColumnNode;
  /** Nodes under both roots. */
  nodeCount: number;
}

/** Sequences of a relation multiply with its TOASTable columns; beyond this they are forgotten. */
const MAX_NODES = 20_000;

export function createRelation(
  names: { schema: string; table: string },
  schemaBytes: Uint8Array,
  tableBytes: Uint8Array,
  head: Uint8Array,
): Relation {
  return {
    ...names,
    schemaBytes: Uint8Array.from(schemaBytes),
    tableBytes: Uint8Array.from(tableBytes),
    head,
    next: undefined,
    columns: rootNode(),
    identity: rootNode(),
    nodeCount: 0,
  };
}

function rootNode(): ColumnNode {
  return createNode(undefined, new Uint8Array(0), '', 0);
}

function createNode(
  parent: ColumnNode | undefined,
  header: Uint8Array,
  name: string,
  typeOid: number,
): ColumnNode {
  return { header, name, typeOid, parent, children: [], next: undefined, set: undefined };
}

/** The column that follows `node` and begins at `at`, if it was seen before. */
export function findChild(node: ColumnNode, bytes: Buffer, at: number): ColumnNode | undefined {
  for (const child of node.children) {
    if (matches(bytes, at, child.header)) {
      node.next = child;
      return child;
    }
  }
  return undefined;
}

export function addChild(
  relation: Relation,
  node: ColumnNode,
  header: Uint8Array,
  column: { name: string; typeOid: number },
): ColumnNode {
  if (++relation.nodeCount > MAX_NODES) {
    relation.columns = rootNode();
    relation.identity = rootNode();
    relation.nodeCount = 1;
  }
  const child = createNode(node, Uint8Array.from(header), column.name, column.typeOid);
  node.children.push(child);
  node.next = child;
  return child;
}

/** The columns on the path to `node`. */
export function columnSetOf(node: ColumnNode): ColumnSet {
  if (node.set) return node.set;
  const names: string[] = [];
  const typeOids: number[] = [];
  for (let each = node; each.parent !== undefined; each = each.parent) {
    names.push(each.name);
    typeOids.push(each.typeOid);
  }
  node.set = { names: names.reverse(), typeOids: typeOids.reverse() };
  return node.set;
}

export function matches(bytes: Buffer, at: number, expected: Uint8Array): boolean {
  const { length } = expected;
  for (let index = 0; index < length; index++) {
    if (bytes[at + index] !== expected[index]) return false;
  }
  return true;
}
