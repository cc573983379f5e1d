import type { PgSession } from '../../shared/pg/connect.ts';
import { tableMatcher } from '../../shared/pg/copy/tableFilter.ts';
import type { QualifiedName } from '../../shared/pg/copy/tableFilter.ts';
import { readPartitioning } from '../../shared/pg/copy/tables.ts';
import type { TableFilter } from '../../shared/pg/tablePattern.ts';

const MOST_TABLES = 50;

/**
 * Relations of the stream that the plan does not have: new ones, which are told of, and those that
 * the caller left out, which are not. The source is asked which is which, as a leaf is left out by
 * the name of its partitioned table.
 */
export class UnplannedTables {
  readonly #filter: TableFilter;
  readonly #met = new Map<string, { table: QualifiedName; isChecked: boolean }>();
  readonly #unplanned = new Set<string>();

  constructor(filter: TableFilter) {
    this.#filter = filter;
  }

  /** A change of it came and was dropped. */
  note(schema: string, name: string): void {
    const key = `${schema}.${name}`;
    if (this.#met.has(key)) return;
    this.#met.set(key, { table: { schema, name }, isChecked: false });
  }

  /** It is known to be new. */
  add(table: string): void {
    if (this.#unplanned.size < MOST_TABLES) this.#unplanned.add(table);
  }

  get names(): string[] {
    return [...this.#unplanned];
  }

  /** Asks the source about those that came since the last call. */
  async check(source: PgSession): Promise<void> {
    const open = [...this.#met].filter(([, { isChecked }]) => !isChecked);
    if (open.length === 0) return;
    const { rows } = await source.query<{ schema: string; name: string; oid: string }>(
      `select n.nspname as schema, c.relname as name, c.oid
       from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       where (n.nspname, c.relname) in (select * from unnest($1::text[], $2::text[]))`,
      [open.map(([, { table }]) => table.schema), open.map(([, { table }]) => table.name)],
    );
    const oids = new Map(rows.map(({ schema, name, oid }) => [`${schema}.${name}`, Number(oid)]));
    const ancestorsOf = await readPartitioning(source);
    const isTaken = tableMatcher(this.#filter);
    for (const [key, met] of open) {
      met.isChecked = true;
      const oid = oids.get(key);
      if (isTaken(met.table, oid === undefined ? [] : ancestorsOf(oid))) this.add(key);
    }
  }
}
