import type pg from 'pg';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { connect } from '../../shared/pg/connect.ts';
import type { PgEndpoint } from '../../shared/pg/endpoint.ts';
import type { RowChange, WalMessage } from '../../shared/wal/messages.ts';
import { probePlugin } from '../../shared/wal/plugin.ts';
import { openWalStream } from '../../shared/wal/stream.ts';
import type { WalStream, WalStreamOptions } from '../../shared/wal/stream.ts';

/** A server with a database of its own and a slot `s` in it. */
export interface WalSource extends AsyncDisposable {
  cluster: ThrowawayCluster;
  endpoint: PgEndpoint;
  client: pg.Client;
  /** Opens the stream of the slot, from where it stands. */
  open(options?: Partial<WalStreamOptions>): Promise<WalStream>;
  /** Runs statements, each its own transaction, and gives all that the stream says of them. */
  stream(...statements: string[]): Promise<WalMessage[]>;
  /** The same, rows only. */
  rows(...statements: string[]): Promise<RowChange[]>;
  confirmedFlush(): Promise<string>;
}

export async function startWalSource(
  options: {
    settings?: Record<string, string>;
    createDatabase?: string;
    /** Run before the slot is made. */
    schema?: string;
  } = {},
): Promise<WalSource> {
  const cluster = await startThrowawayCluster({ settings: options.settings ?? {} });
  await cluster.run(options.createDatabase ?? 'create database app');
  const client = await cluster.connect('app');
  await client.query("set client_encoding = 'UTF8'");
  if (options.schema !== undefined) await client.query(options.schema);
  await client.query("select pg_create_logical_replication_slot('s', 'wal2json')");
  const endpoint: PgEndpoint = {
    host: '127.0.0.1',
    port: cluster.port,
    user: 'postgres',
    password: '',
    database: 'app',
    tls: { mode: 'disable' },
  };
  let canaries = 0;
  const open = async (overrides: Partial<WalStreamOptions> = {}) => {
    const plugin = overrides.plugin ?? (await probe(endpoint));
    return openWalStream({
      endpoint,
      slot: 's',
      start: 0n,
      applicationName: 'pgmove/test/stream',
      signal: AbortSignal.timeout(100_000),
      ...overrides,
      plugin,
    });
  };
  const stream = async (...statements: string[]) => {
    for (const statement of statements) await client.query(statement);
    const canary = `canary ${++canaries}`;
    await client.query('select pg_logical_emit_message(true, $1, $2)', ['pgmove', canary]);
    await using opened = await open();
    const messages = await takeUntil(opened, canary);
    const end = messages.at(-1);
    if (end?.action === 'C') opened.confirm(end.endLsn);
    return messages.slice(0, -3);
  };
  return {
    cluster,
    endpoint,
    client,
    open,
    stream,
    rows: async (...statements) => (await stream(...statements)).filter(isRow),
    confirmedFlush: async () => {
      const { rows } = await client.query<{ lsn: string }>(
        "select confirmed_flush_lsn::text as lsn from pg_replication_slots where slot_name = 's'",
      );
      return rows[0]?.lsn ?? '';
    },
    [Symbol.asyncDispose]: async () => {
      await client.end();
      await cluster.stop();
    },
  };
}

async function probe(endpoint: PgEndpoint) {
  await using session = await connect(endpoint, { applicationName: 'pgmove/test/probe' });
  return await probePlugin(session, 's');
}

/** Takes messages up to the end of the transaction with that logical message. */
export async function takeUntil(stream: WalStream, content: string): Promise<WalMessage[]> {
  const messages: WalMessage[] = [];
  let isFound = false;
  for (;;) {
    for (const message of await stream.next()) {
      messages.push(message);
      if (message.action === 'M' && message.content === content) isFound = true;
      if (isFound && message.action === 'C') return messages;
    }
  }
}

export function isRow(message: WalMessage): message is RowChange {
  return message.action === 'I' || message.action === 'U' || message.action === 'D';
}

/** Column names and values of a row. */
export function valuesOf(change: RowChange): Record<string, string | null> {
  return Object.fromEntries(
    (change.columns?.names ?? []).map((name, index) => [name, change.values?.at(index) ?? null]),
  );
}

export function identityOf(change: RowChange): Record<string, string | null> {
  return Object.fromEntries(
    (change.identity?.names ?? []).map((name, index) => [
      name,
      change.identityValues?.at(index) ?? null,
    ]),
  );
}
