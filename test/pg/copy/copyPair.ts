import type pg from 'pg';
import { startThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import type {
  ClusterOptions,
  ThrowawayCluster,
} from '../../../scripts/postgres/throwawayCluster.ts';
import { connect } from '../../../shared/pg/connect.ts';
import type { PgSession } from '../../../shared/pg/connect.ts';
import { createControlSchema } from '../../../shared/pg/copy/control.ts';
import { copyBatch } from '../../../shared/pg/copy/copyBatch.ts';
import type { CopyBatchOptions } from '../../../shared/pg/copy/copyBatch.ts';
import type { CopyBatch, TableOutcome } from '../../../shared/pg/copy/batch.ts';
import { planFormats, sourceFacts, targetShape } from '../../../shared/pg/copy/format.ts';
import { planBatches } from '../../../shared/pg/copy/plan.ts';
import type { PlanOptions } from '../../../shared/pg/copy/plan.ts';
import { holdSnapshot } from '../../../shared/pg/copy/snapshot.ts';
import type { HeldSnapshot } from '../../../shared/pg/copy/snapshot.ts';
import { listTables } from '../../../shared/pg/copy/tables.ts';
import type { PgEndpoint } from '../../../shared/pg/endpoint.ts';

/** Two databases of the same name on two clusters, and how a copy between them is done. */
export interface CopyPair {
  source: PgEndpoint;
  target: PgEndpoint;
  /** Superuser clients for the test's own statements. */
  from: pg.Client;
  into: pg.Client;
  close(): Promise<void>;
}

export const MIGRATION_ID = '7d9a4f0e-0000-4000-8000-000000000001';

export const everything = { include: [], exclude: [] };

/** Nothing here survives the machine, so nothing needs to be flushed. */
export function startTestCluster(options: ClusterOptions = {}): Promise<ThrowawayCluster> {
  const settings = { fsync: 'off', ...options.settings };
  return startThrowawayCluster({ ...options, settings });
}

let databaseCount = 0;

export function endpointOf(
  cluster: ThrowawayCluster,
  database: string,
  user = 'postgres',
): PgEndpoint {
  const { port } = cluster;
  return { host: '127.0.0.1', port, user, password: '', database, tls: { mode: 'disable' } };
}

/** New databases; `sql` runs on both, `rows` on the source only. */
export async function makePair(
  from: ThrowawayCluster,
  into: ThrowawayCluster,
  options: { sql?: string; rows?: string; createOptions?: string } = {},
): Promise<CopyPair> {
  const database = `pair ${++databaseCount}`;
  const create = `create database "${database}" ${options.createOptions ?? ''}`;
  await from.run(create);
  await into.run(create);
  const clients = [await from.connect(database), await into.connect(database)] as const;
  for (const client of clients) if (options.sql) await client.query(options.sql);
  if (options.rows) await clients[0].query(options.rows);
  const pair: CopyPair = {
    source: endpointOf(from, database),
    target: endpointOf(into, database),
    from: clients[0],
    into: clients[1],
    close: async () => {
      await Promise.all(clients.map((client) => client.end()));
    },
  };
  await withSession(pair.target, (session) =>
    createControlSchema(session, { migrationId: MIGRATION_ID, database }),
  );
  return pair;
}

export async function withSession<Result>(
  endpoint: PgEndpoint,
  work: (session: PgSession) => Promise<Result>,
): Promise<Result> {
  const session = await connect(endpoint, { applicationName: 'pgmove/test' });
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

export async function withSnapshot<Result>(
  endpoint: PgEndpoint,
  work: (snapshot: HeldSnapshot) => Promise<Result>,
): Promise<Result> {
  const held = await holdSnapshot(endpoint, {
    filter: everything,
    applicationName: 'pgmove/test/snapshot',
    signal: new AbortController().signal,
  });
  try {
    return await work(held);
  } finally {
    await held.release();
  }
}

export async function planPair(
  pair: CopyPair,
  options: Partial<PlanOptions> = {},
): Promise<{ batches: CopyBatch[]; failed: TableOutcome[] }> {
  return await withSession(pair.source, (source) =>
    withSession(pair.target, async (target) => {
      const tables = await listTables(source, everything);
      const shape = await targetShape(target, tables);
      const { ready, failed } = planFormats(tables, await sourceFacts(source), shape);
      const serverVersion = source.serverVersion;
      return { batches: planBatches(ready, { jobs: 2, serverVersion, ...options }), failed };
    }),
  );
}

export function batchOptions(
  pair: CopyPair,
  batch: CopyBatch,
  snapshot: string,
  overrides: Partial<CopyBatchOptions> = {},
): CopyBatchOptions {
  return {
    source: pair.source,
    target: pair.target,
    batch,
    generation: 1,
    snapshot,
    applicationName: 'pgmove/test/copy',
    signal: new AbortController().signal,
    migrationId: MIGRATION_ID,
    ...overrides,
  };
}

/** Plans and copies everything under one snapshot. */
export async function copyAll(
  pair: CopyPair,
  options: Partial<PlanOptions & CopyBatchOptions> = {},
): Promise<TableOutcome[]> {
  const { batches } = await planPair(pair, options);
  return await withSnapshot(pair.source, async ({ snapshot }) => {
    const outcomes: TableOutcome[] = [];
    for (const batch of batches) {
      outcomes.push(...(await copyBatch(batchOptions(pair, batch, snapshot, options))));
    }
    return outcomes;
  });
}

/** Every row of a table alone, as text that does not depend on the order of rows or columns. */
export async function contentOf(client: pg.Client, table: string): Promise<string[]> {
  await client.query("set datestyle = 'ISO'; set timezone = 'UTC'; set extra_float_digits = 3");
  const { rows } = await client.query<{ row: string }>(
    `select to_jsonb(t)::text as row from only ${table} t`,
  );
  return rows.map(({ row }) => row).toSorted();
}

/** Count and hash, for large tables. */
export async function digestOf(client: pg.Client, table: string): Promise<string> {
  const { rows } = await client.query<{ digest: string }>(
    `select count(*) || ':' || coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint), 0) as digest
     from only ${table} t`,
  );
  return rows[0]?.digest ?? '';
}
