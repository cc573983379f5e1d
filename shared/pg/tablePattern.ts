/**
 * A pattern that names tables: `schema.table`, where `*` stands for any text and `?` for one
 * character; without a dot the table may be in any schema. Double quotes keep a dot, a star or a
 * question mark literal: `"odd.schema".t*`. Case matters, as it does in the catalog.
 */
export interface TablePattern {
  readonly text: string;
  matches(schema: string, table: string): boolean;
}

export interface TableFilter {
  /** Patterns of tables to take; all when empty or absent. */
  include?: readonly string[];
  /** Patterns of tables to leave out; wins over include. */
  exclude?: readonly string[];
}

interface PatternParts {
  schema: string | undefined;
  table: string;
}

export function parseTablePattern(text: string): TablePattern {
  const { schema, table } = splitAtDot(text);
  const schemaExpression = schema === undefined ? undefined : new RegExp(`^${schema}$`, 'su');
  const tableExpression = new RegExp(`^${table}$`, 'su');
  return {
    text,
    matches: (schemaName, tableName) =>
      (schemaExpression === undefined || schemaExpression.test(schemaName)) &&
      tableExpression.test(tableName),
  };
}

/** A predicate over table names for lists of include and exclude patterns. */
export function tableFilter(filter: TableFilter): (schema: string, table: string) => boolean {
  const include = (filter.include ?? []).map(parseTablePattern);
  const exclude = (filter.exclude ?? []).map(parseTablePattern);
  return (schema, table) =>
    (include.length === 0 || include.some((pattern) => pattern.matches(schema, table))) &&
    !exclude.some((pattern) => pattern.matches(schema, table));
}

/** The two sides as sources of regular expressions, split at the first dot outside quotes. */
function splitAtDot(text: string): PatternParts {
  let schema: string | undefined;
  let current = '';
  let isQuoted = false;
  for (const char of text) {
    if (char === '"') {
      isQuoted = !isQuoted;
    } else if (!isQuoted && char === '*') {
      current += '.*';
    } else if (!isQuoted && char === '?') {
      current += '.';
    } else if (!isQuoted && char === '.' && schema === undefined) {
      schema = current;
      current = '';
    } else {
      current += char.replace(/[\\^$.*+?()[\]{}|/]/u, '\\$&');
    }
  }
  return { schema, table: current };
}
