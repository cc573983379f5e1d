import { parseTablePattern } from '../tablePattern.ts';
import type { TableFilter } from '../tablePattern.ts';

export interface QualifiedName {
  schema: string;
  name: string;
}

/**
 * Compiles a filter of MigrationSpec. A table is asked for together with the partitioned tables
 * above it, because a partitioned table's pattern covers its leaves.
 */
export function tableMatcher(
  filter: TableFilter,
): (table: QualifiedName, partitionedAncestors?: readonly QualifiedName[]) => boolean {
  const include = (filter.include ?? []).map(parseTablePattern);
  const exclude = (filter.exclude ?? []).map(parseTablePattern);
  return (table, partitionedAncestors = []) => {
    const names = [table, ...partitionedAncestors];
    const isNamedIn = (patterns: typeof include) =>
      patterns.some((pattern) => names.some(({ schema, name }) => pattern.matches(schema, name)));
    return (include.length === 0 || isNamedIn(include)) && !isNamedIn(exclude);
  };
}
