import type { PgSession } from '../../shared/pg/connect.ts';
import type { CopyState } from '../../shared/pg/copy/control.ts';
import type { ApplyTable } from '../../shared/wal/apply/catalog.ts';
import { loadApplyTables } from '../../shared/wal/apply/catalog.ts';
import { parseLsn } from '../../shared/wal/lsn.ts';
import type { Lsn } from '../../shared/wal/lsn.ts';
import { isPlanned } from '../../shared/wal/plannedSchema.ts';
import { parseSnapshot } from '../../shared/wal/visibility.ts';
import type { TxSnapshot } from '../../shared/wal/visibility.ts';

/** A planned table, and what the stream does with its changes. */
export interface StreamTable {
  oid: number;
  schema: string;
  name: string;
  state: CopyState;
  generation: number;
  partCount: number;
  export: string | null;
  /** The copy's snapshot, as long as it decides about what is still to come. */
  seen?: { snapshot: TxSnapshot; lsn: Lsn };
  /** What the applier knows of the target's table; there from `indexed` on. */
  apply?: ApplyTable;
}

interface Row {
  oid: string;
  schema: string;
  name: string;
  state: CopyState;
  generation: string;
  partCount: number;
  export: string | null;
  snapshot: string;
  lsn: string | null;
}

/** The planned tables by name, as the target's `pgmove.copies` has them. */
export class TableBook {
  readonly #session: PgSession;
  readonly #streamGeneration: number;
  readonly #byOid = new Map<number, StreamTable>();
  readonly #bySchema = new Map<string, Map<string, StreamTable>>();
  /** Partitioned tables, materialized views and the like: nothing is written to them. */
  #ignored = new Set<string>();
  /** All tables of the plan are known. */
  isPlanned = false;
  /** Greatest LSN up to which a copy's snapshot decides. */
  copiedUpTo: Lsn = 0n;

  constructor(session: PgSession, streamGeneration: number) {
    this.#session = session;
    this.#streamGeneration = streamGeneration;
  }

  find(schema: string, name: string): StreamTable | undefined {
    return this.#bySchema.get(schema)?.get(name);
  }

  /** A relation that has no rows of its own to be written. */
  isIgnored(schema: string, name: string): boolean {
    return this.#ignored.has(`${schema}\n${name}`);
  }

  tables(): Iterable<StreamTable> {
    return this.#byOid.values();
  }

  inState(...states: readonly CopyState[]): StreamTable[] {
    return [...this.#byOid.values()].filter(({ state }) => states.includes(state));
  }

  count(): { pending: number; copying: number; ready: number } {
    const counts = { pending: 0, copying: 0, ready: 0 };
    for (const { state } of this.#byOid.values()) {
      if (state === 'pending') counts.pending += 1;
      else if (state === 'ready') counts.ready += 1;
      else counts.copying += 1;
    }
    return counts;
  }

  /** Reads what changed. To be called between groups, outside of a transaction. */
  async refresh(): Promise<void> {
    if (!this.isPlanned) {
      this.isPlanned = await isPlanned(this.#session, this.#streamGeneration);
      await this.#read(undefined);
      await this.#readIgnored();
      return;
    }
    const moving = this.inState('starting', 'copying', 'done', 'indexed').map(({ oid }) => oid);
    await this.#read(moving);
  }

  /** @param moving Read these and all that are neither pending nor ready; undefined: everything. */
  async #read(moving: readonly number[] | undefined): Promise<void> {
    const { rows } = await this.#session.query<Row>(
      `select t.table_id as oid, t.schema_name as schema, t.table_name as name, c.state,
         c.generation, c.part_count as "partCount", c.export, c.snapshot, c.lsn
       from pgmove.tables t join pgmove.copies c on c.table_id = t.table_id and c.part = 0
       where $1::oid[] is null or c.state not in ('pending', 'ready')
         or c.table_id = any ($1::oid[])`,
      [moving ?? null],
    );
    for (const row of rows) this.#take(row);
    const bare = this.inState('indexed', 'ready').filter(({ apply }) => apply === undefined);
    if (bare.length === 0) return;
    const catalog = await loadApplyTables(
      this.#session,
      bare.map(({ schema, name }) => ({ schema, name })),
    );
    for (const table of bare) table.apply = catalog.find(table.schema, table.name);
  }

  #take(row: Row): void {
    const oid = Number(row.oid);
    const known = this.#byOid.get(oid);
    const table: StreamTable = known ?? {
      oid,
      schema: row.schema,
      name: row.name,
      state: row.state,
      generation: 0,
      partCount: 0,
      export: null,
    };
    table.state = row.state;
    table.generation = Number(row.generation);
    table.partCount = Number(row.partCount);
    table.export = row.export;
    delete table.seen;
    // Keys and indexes may be others after another copy.
    if (row.state !== 'ready') delete table.apply;
    if (row.lsn !== null && row.snapshot !== '') {
      const lsn = parseLsn(row.lsn);
      table.seen = { snapshot: parseSnapshot(row.snapshot), lsn };
      if (lsn > this.copiedUpTo) this.copiedUpTo = lsn;
    }
    if (known !== undefined) return;
    this.#byOid.set(oid, table);
    const names = this.#bySchema.get(table.schema) ?? new Map<string, StreamTable>();
    this.#bySchema.set(table.schema, names.set(table.name, table));
  }

  async #readIgnored(): Promise<void> {
    const { rows } = await this.#session.query<{ schema: string; name: string }>(
      `select n.nspname as schema, c.relname as name
       from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('p', 'm') and n.nspname !~ '^pg_'`,
    );
    this.#ignored = new Set(rows.map(({ schema, name }) => `${schema}\n${name}`));
  }
}
