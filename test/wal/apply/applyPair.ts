import type pg from 'pg';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { endpointOf } from '../../pg/copy/copyPair.ts';
import { connect } from '../../../shared/pg/connect.ts';
import type { PgSession } from '../../../shared/pg/connect.ts';
import { createApplier } from '../../../shared/wal/apply/applier.ts';
import type { Applier, ApplierOptions } from '../../../shared/wal/apply/applier.ts';
import { loadApplyTables } from '../../../shared/wal/apply/catalog.ts';
import type { ApplyCatalog, ApplyTable } from '../../../shared/wal/apply/catalog.ts';
import type { WalMessage } from '../../../shared/wal/messages.ts';
import { createParser } from '../../../shared/wal/parser.ts';

/** A source with a wal2json slot and a target of the same schema. */
export interface ApplyPair {
  /** Superuser clients for the test's own statements. */
  from: pg.Client;
  into: pg.Client;
  target: PgSession;
  /** A session of the source with the fixed settings. */
  source: PgSession;
  /** Messages since the last call. */
  takeMessages(): Promise<WalMessage[]>;
  /** Applies what happened on the source since the last call; one transaction of the target. */
  apply(options?: Partial<ApplierOptions> & FlushOptions): Promise<Applier>;
  close(): Promise<void>;
}

export interface FlushOptions {
  /** Asked after each change: whether everything is flushed now. */
  isFlushed?: () => boolean;
  messages?: WalMessage[];
}

let databaseCount = 0;

export async function makeApplyPair(
  from: ThrowawayCluster,
  into: ThrowawayCluster,
  options: { sql: string; rows?: string; sourceSql?: string; replicaRole?: boolean },
): Promise<ApplyPair> {
  const database = `apply ${++databaseCount}`;
  for (const cluster of [from, into]) await cluster.run(`create database "${database}"`);
  const clients = [await from.connect(database), await into.connect(database)] as const;
  for (const client of clients) await client.query(`${options.sql};${options.rows ?? ''}`);
  if (options.sourceSql) await clients[0].query(options.sourceSql);
  const slot = `apply_${process.pid}_${databaseCount}`;
  await clients[0].query(`select pg_create_logical_replication_slot('${slot}', 'wal2json')`);
  const open = async (cluster: ThrowawayCluster) =>
    connect(endpointOf(cluster, database), {
      applicationName: 'pgmove/test',
      settings: { lc_monetary: 'C' },
    });
  const [source, target] = [await open(from), await open(into)];
  const isReplicaRole = options.replicaRole !== false;
  if (isReplicaRole) await target.query('set session_replication_role = replica');
  const parse = createParser({ encoding: 'UTF8' });

  const takeMessages = async (): Promise<WalMessage[]> => {
    const { rows } = await source.query<{ data: string }>(
      `select data from pg_catalog.pg_logical_slot_get_changes('${slot}', null, null,
         'format-version', '2', 'include-xids', 'true', 'include-lsn', 'true',
         'include-types', 'false', 'include-type-oids', 'true')`,
    );
    return rows.map(({ data }) => {
      const bytes = Buffer.from(data);
      return parse(bytes, 0, bytes.length);
    });
  };

  const apply = async ({
    isFlushed,
    messages,
    ...options
  }: Partial<ApplierOptions> & FlushOptions = {}): Promise<Applier> => {
    const catalog = await loadApplyTables(target);
    const taken = messages ?? (await takeMessages());
    await target.query('begin');
    try {
      const applier = createApplier(target, { isReplicaRole, ...options });
      await applyMessages(applier, taken, catalog, isFlushed);
      await target.query('commit');
      return applier;
    } catch (error) {
      await target.query('rollback');
      throw error;
    }
  };

  const close = async () => {
    await source.query(`select pg_catalog.pg_drop_replication_slot('${slot}')`);
    await Promise.all([source.close(), target.close(), ...clients.map((client) => client.end())]);
  };
  return { from: clients[0], into: clients[1], source, target, takeMessages, apply, close };
}

async function applyMessages(
  applier: Applier,
  messages: readonly WalMessage[],
  catalog: ApplyCatalog,
  isFlushed: (() => boolean) | undefined,
): Promise<void> {
  let at = { xid: 0, endLsn: 0n };
  let truncated: ApplyTable[] = [];
  for (const message of messages) {
    if (message.action !== 'T' && truncated.length > 0) {
      await applier.truncate(truncated);
      truncated = [];
    }
    if (message.action === 'B') at = { xid: message.xid, endLsn: message.endLsn };
    else if (message.action === 'T') {
      // The root of partitions is named too; its leaves are named themselves.
      const table = catalog.find(message.schema, message.table);
      if (table !== undefined) truncated.push(table);
    } else if (message.action === 'I' || message.action === 'U' || message.action === 'D') {
      const table = catalog.find(message.schema, message.table);
      if (table === undefined) throw new Error(`No table ${message.schema}.${message.table}.`);
      await applier.add(table, message, at);
      if (isFlushed?.()) await applier.flush();
    }
  }
  await applier.flush();
}

/** Every row's text, sorted. */
export async function rowsOf(session: PgSession, table: string): Promise<string[]> {
  const { rows } = await session.query<{ row: string }>(
    `select t::text as row from only ${table} t order by t::text collate pg_catalog."C"`,
  );
  return rows.map(({ row }) => row);
}
