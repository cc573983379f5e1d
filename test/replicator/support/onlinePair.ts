import type pg from 'pg';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { verifyContent } from '../../../shared/pg/compare/content.ts';
import { createControlSchema } from '../../../shared/pg/copy/control.ts';
import type { CopyBatch } from '../../../shared/pg/copy/batch.ts';
import { planFormats, sourceFacts, targetShape } from '../../../shared/pg/copy/format.ts';
import { planBatches } from '../../../shared/pg/copy/plan.ts';
import type { PlanOptions } from '../../../shared/pg/copy/plan.ts';
import { listTables } from '../../../shared/pg/copy/tables.ts';
import type { PgEndpoint } from '../../../shared/pg/endpoint.ts';
import type { TableFilter } from '../../../shared/pg/tablePattern.ts';
import { readSchemaFingerprint } from '../../../shared/pg/source/schemaFingerprint.ts';
import { dropSlot, slotNameOf } from '../../../shared/wal/slot.ts';
import { createProvenSlot } from '../../../shared/wal/provenSlot.ts';
import { writePlannedTables } from '../../../shared/wal/copy/tableStates.ts';
import { markPlanned } from '../../../shared/wal/plannedSchema.ts';
import { beginProgress } from '../../../shared/wal/progress.ts';
import { endpointOf, everything, MIGRATION_ID, withSession } from '../../pg/copy/copyPair.ts';

export { MIGRATION_ID };

/** Two databases between which an online migration runs, without orchestration. */
export interface OnlinePair {
  source: PgEndpoint;
  target: PgEndpoint;
  /** Superuser clients for the test's own statements. */
  from: pg.Client;
  into: pg.Client;
  slot: string;
  generation: number;
  close(): Promise<void>;
}

export interface PairOptions {
  /** Runs on both sides. */
  sql: string;
  /** Runs on the source only: indexes, constraints, rows. */
  rows?: string;
  /** Roles that the product connects with; superusers by default. */
  sourceUser?: string;
  targetUser?: string;
  /** Runs last, on the target only. */
  targetSql?: string;
  createOptions?: string;
}

let databaseCount = 0;

/** New databases with the control schema on the target. */
export async function makeOnlinePair(
  from: ThrowawayCluster,
  into: ThrowawayCluster,
  options: PairOptions,
): Promise<OnlinePair> {
  const database = `online ${++databaseCount}`;
  for (const cluster of [from, into]) {
    await cluster.run(`create database "${database}" ${options.createOptions ?? ''}`);
  }
  const clients = [await from.connect(database), await into.connect(database)] as const;
  for (const client of clients) await client.query(options.sql);
  if (options.rows) await clients[0].query(options.rows);
  if (options.targetSql) await clients[1].query(options.targetSql);
  const pair: OnlinePair = {
    source: endpointOf(from, database, options.sourceUser),
    target: endpointOf(into, database, options.targetUser),
    from: clients[0],
    into: clients[1],
    slot: slotNameOf(MIGRATION_ID, database),
    generation: 0,
    close: async () => {
      await withSession(endpointOf(from, database), (session) =>
        dropSlot(session, pair.slot, { signal: AbortSignal.timeout(20_000) }),
      );
      await Promise.all(clients.map((client) => client.end()));
    },
  };
  await withSession(pair.target, (session) =>
    createControlSchema(session, { migrationId: MIGRATION_ID, database }),
  );
  return pair;
}

/** The first two steps: a slot that works, and the position from which it is read. */
export async function beginStream(pair: OnlinePair): Promise<void> {
  const proven = await createProvenSlot({
    endpoint: pair.source,
    slot: pair.slot,
    applicationName: 'pgmove/test/slot',
    signal: AbortSignal.timeout(60_000),
    // Under load the catalog may change around its creation again and again.
    maxAttempts: 20,
  });
  const generation = pair.generation + 1;
  await withSession(pair.target, (session) => beginProgress(session, { ...proven, generation }));
  pair.generation = generation;
}

/** Tells the stream of all tables, and deals them into batches. */
export async function planOnline(
  pair: OnlinePair,
  options: Partial<PlanOptions> = {},
  filter: TableFilter = everything,
): Promise<CopyBatch[]> {
  return await withSession(pair.source, (source) =>
    withSession(pair.target, async (target) => {
      const tables = await listTables(source, filter);
      const shape = await targetShape(target, tables);
      const { ready, failed } = planFormats(tables, await sourceFacts(source), shape);
      if (failed.length > 0) throw new Error(JSON.stringify(failed));
      await writePlannedTables(target, ready);
      await markPlanned(target, pair.generation, await readSchemaFingerprint(source, filter));
      const { serverVersion } = source;
      return planBatches(ready, { jobs: 2, serverVersion, ...options });
    }),
  );
}

/** A position behind everything that is committed now. */
export async function canaryPosition(pair: OnlinePair): Promise<string> {
  // By itself: its commit is on disk before the position is read.
  await pair.from.query("select pg_logical_emit_message(true, 'pgmove', 'canary')");
  const { rows } = await pair.from.query<{ lsn: string }>(
    'select pg_current_wal_flush_lsn() as lsn',
  );
  return rows[0]?.lsn ?? '';
}

/** Tables whose rows differ, with what differs. */
export async function differences(pair: OnlinePair): Promise<{ table: string; detail: string }[]> {
  const compared = await verifyContent({
    source: pair.source,
    target: pair.target,
    mode: 'hash',
    exclude: ['pgmove.*'],
    applicationName: 'pgmove/test/compare',
  });
  return compared.differences;
}

export interface TableRow {
  name: string;
  state: string;
  generation: number;
  snapshot: string;
  lsn: string | null;
  export: string | null;
}

export async function tableRow(pair: OnlinePair, name: string): Promise<TableRow> {
  const { rows } = await pair.into.query<TableRow>(
    `select t.table_name as name, c.state, c.generation::int as generation, c.snapshot,
       c.lsn::text as lsn, c.export
     from pgmove.copies c join pgmove.tables t using (table_id)
     where c.part = 0 and t.table_name = $1`,
    [name],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`The table ${name} is not planned.`);
  return row;
}
