import type { ContentTable } from './contentCatalog.ts';

/** What is compared as one: a table, or the whole tree of a partitioned one. */
export interface ContentUnit {
  schema: string;
  name: string;
  source: ContentTable;
  target: ContentTable;
  /** Read through the root, because the two sides are partitioned differently. */
  isTree: boolean;
}

export interface UnitSelection {
  units: ContentUnit[];
  sourceOnly: ContentTable[];
  targetOnly: ContentTable[];
}

/** Says whether a table takes part; asked for the table and for the roots above it. */
export type TableSelector = (names: readonly { schema: string; name: string }[]) => boolean;

/**
 * Pairs the tables of both sides by name. A partition tree is compared leaf by leaf when both sides
 * have the same leaves, and by its root otherwise.
 */
export function pairTables(
  source: readonly ContentTable[],
  target: readonly ContentTable[],
  isSelected: TableSelector,
): UnitSelection {
  const left = new Side(source);
  const right = new Side(target);
  const selection: UnitSelection = { units: [], sourceOnly: [], targetOnly: [] };
  for (const table of left.tops) {
    const other = right.byName.get(keyOf(table));
    if (other === undefined || other.parentOid !== undefined) {
      selection.sourceOnly.push(...left.holders(table).filter((t) => isSelected(left.path(t))));
      continue;
    }
    addUnits(table, other);
  }
  for (const table of right.tops) {
    const other = left.byName.get(keyOf(table));
    if (other !== undefined && other.parentOid === undefined) continue;
    selection.targetOnly.push(...right.holders(table).filter((t) => isSelected(right.path(t))));
  }
  return selection;

  function addUnits(table: ContentTable, other: ContentTable): void {
    const pairs = left.leaves(table).map((leaf) => {
      const match = right.byName.get(keyOf(leaf));
      const isSameTree = match !== undefined && right.topOf(match) === other;
      return { leaf, match: isSameTree && !match.isPartitioned ? match : undefined };
    });
    const haveSameLeaves =
      table.isPartitioned === other.isPartitioned &&
      pairs.length === right.leaves(other).length &&
      pairs.every(({ match }) => match !== undefined);
    if (!haveSameLeaves) {
      const selects = left.path(table).concat(left.leaves(table));
      if (selects.some((part) => isSelected([part, table]))) {
        const { schema, name } = table;
        selection.units.push({ schema, name, source: table, target: other, isTree: true });
      }
      return;
    }
    for (const { leaf, match } of pairs) {
      if (match === undefined || leaf.isForeign || match.isForeign) continue;
      if (!isSelected(left.path(leaf))) continue;
      const { schema, name } = leaf;
      selection.units.push({ schema, name, source: leaf, target: match, isTree: false });
    }
  }
}

function keyOf(table: ContentTable): string {
  return JSON.stringify([table.schema, table.name]);
}

class Side {
  readonly byName: Map<string, ContentTable>;
  /** Tables that are no partitions. */
  readonly tops: ContentTable[];
  readonly #byOid: Map<number, ContentTable>;
  readonly #children = new Map<number, ContentTable[]>();

  constructor(tables: readonly ContentTable[]) {
    this.byName = new Map(tables.map((table) => [keyOf(table), table]));
    this.#byOid = new Map(tables.map((table) => [table.oid, table]));
    this.tops = tables.filter((table) => table.parentOid === undefined && !table.isForeign);
    for (const table of tables) {
      if (table.parentOid === undefined) continue;
      const siblings = this.#children.get(table.parentOid) ?? [];
      siblings.push(table);
      this.#children.set(table.parentOid, siblings);
    }
  }

  /** The table and what it is a partition of, up to the root. */
  path(table: ContentTable): ContentTable[] {
    const parent = table.parentOid === undefined ? undefined : this.#byOid.get(table.parentOid);
    return parent === undefined ? [table] : [table, ...this.path(parent)];
  }

  topOf(table: ContentTable): ContentTable {
    return this.path(table).at(-1) ?? table;
  }

  /** The tables below that hold rows; a table that is not partitioned is its own leaf. */
  leaves(table: ContentTable): ContentTable[] {
    if (!table.isPartitioned) return [table];
    return (this.#children.get(table.oid) ?? []).flatMap((child) => this.leaves(child));
  }

  /** What to name when a top-level table is missing on the other side. */
  holders(table: ContentTable): ContentTable[] {
    const leaves = this.leaves(table).filter((leaf) => !leaf.isForeign);
    return leaves.length === 0 ? [table] : leaves;
  }
}
