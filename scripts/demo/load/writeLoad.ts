import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { createRandom } from './random.ts';
import type { Random } from './random.ts';
import { FIRST_OWN_KEY, LOAD_TRANSACTIONS } from './transactions.ts';
import type { LoadContext, LoadTransaction, SampleKeys } from './transactions.ts';

export interface WriteLoadOptions {
  /** Opens a session of one client to the sample database, as LOAD_ROLE. */
  connect: () => Promise<pg.Client>;
  /** Clients that write at once; default 4. */
  clientCount?: number;
  /** Of all clients together; default 200. */
  transactionsPerSecond?: number;
  /** Repeats what each client does; not how they meet. */
  seed?: number;
  /** Ends by itself after so many, of all clients together; default: goes on until it is stopped. */
  transactionCount?: number;
  transactions?: readonly LoadTransaction[];
}

export interface LoadStats {
  /** Transactions whose commit was confirmed. */
  committed: number;
  byKind: Record<string, number>;
  /** Rolled back on purpose. */
  rolledBack: number;
  /** Given up by the server for a deadlock, a lock or a key that another one took. */
  conflicts: number;
  /** The connection broke while the commit was on its way: it may have happened or not. */
  unknown: number;
  /** Clients that the server does not let write any more. */
  fencedClients: number;
  seconds: number;
}

/** Clients that write to the sample database until they are stopped or shut out. */
export interface WriteLoad extends AsyncDisposable {
  readonly stats: LoadStats;
  /** All clients have ended: stopped, or shut out by a fence. Rejects when one met a real error. */
  readonly ended: Promise<LoadStats>;
  /** Ends each client after the transaction that it is in. */
  stop(): Promise<LoadStats>;
}

/** Two transactions got in each other's way: the server chose one, which is simply not done. */
const CONFLICTS = new Set(['40P01', '40001', '55P03', '23505', '23P01', '23503', '57014']);
/** Read-only transaction. */
const FENCED = new Set(['25006']);
/** Refused at the door: no right to connect, no login, the database takes no connections. */
const SHUT_OUT = new Set(['42501', '28000', '55000']);
const RECONNECT_MS = 100;

export async function startWriteLoad(options: WriteLoadOptions): Promise<WriteLoad> {
  const { clientCount = 4, transactionsPerSecond = 200, seed = 1 } = options;
  const { transactionCount = Number.POSITIVE_INFINITY } = options;
  const transactions = options.transactions ?? LOAD_TRANSACTIONS;
  const stopping = new AbortController();
  const startedMs = Date.now();
  const stats: LoadStats = {
    committed: 0,
    byKind: {},
    rolledBack: 0,
    conflicts: 0,
    unknown: 0,
    fencedClients: 0,
    seconds: 0,
  };
  const sessions = await Promise.all(Array.from({ length: clientCount }, options.connect));
  const keys = await readKeys(sessions[0] as pg.Client);
  const clients = sessions.map((session, index) =>
    runClient({
      number: index + 1,
      session,
      connect: options.connect,
      random: createRandom(seed * 1_000 + index),
      keys,
      transactions,
      lastNumber: Math.ceil(transactionCount / clientCount),
      everyMs: (1_000 * clientCount) / transactionsPerSecond,
      stats,
      signal: stopping.signal,
    }),
  );
  const ended = Promise.all(clients).then(
    () => ({ ...stats, seconds: (Date.now() - startedMs) / 1_000 }),
    async (error: unknown) => {
      stopping.abort();
      await Promise.allSettled(clients);
      throw error;
    },
  );
  // Whoever looks at the end only must not be surprised by a rejection before.
  ended.catch(() => undefined);
  const stop = (): Promise<LoadStats> => {
    stopping.abort();
    return ended;
  };
  return {
    stats,
    ended,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop().catch(() => undefined);
    },
  };
}

interface Client {
  number: number;
  session: pg.Client;
  connect: () => Promise<pg.Client>;
  random: Random;
  keys: SampleKeys;
  transactions: readonly LoadTransaction[];
  lastNumber: number;
  everyMs: number;
  stats: LoadStats;
  signal: AbortSignal;
}

type Outcome = 'committed' | 'rolledBack' | 'conflict' | 'unknown' | 'fenced' | 'cut';

async function runClient(client: Client): Promise<void> {
  const { stats, signal } = client;
  let session: pg.Client | undefined = client.session;
  let uniqueCount = 0;
  const startedMs = performance.now();
  try {
    for (let number = 1; number <= client.lastNumber && !signal.aborted; number += 1) {
      const transaction = choose(client.transactions, client.random);
      const outcome = await runTransaction(transaction, client.number, number, {
        session,
        random: client.random,
        keys: client.keys,
        unique: () => FIRST_OWN_KEY + client.number * 10_000_000 + (uniqueCount += 1),
      });
      count(stats, transaction, outcome);
      if (outcome === 'fenced') {
        stats.fencedClients += 1;
        return;
      }
      if (outcome === 'cut' || outcome === 'unknown') {
        await session.end().catch(() => undefined);
        session = await reconnect(client);
        if (session === undefined) return;
      }
      const dueMs = startedMs + number * client.everyMs - performance.now();
      if (dueMs > 0) await pause(dueMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    await session?.end().catch(() => undefined);
  }
}

function count(stats: LoadStats, transaction: LoadTransaction, outcome: Outcome): void {
  if (outcome === 'committed') {
    stats.committed += 1;
    stats.byKind[transaction.kind] = (stats.byKind[transaction.kind] ?? 0) + 1;
  }
  if (outcome === 'rolledBack') stats.rolledBack += 1;
  if (outcome === 'conflict') stats.conflicts += 1;
  if (outcome === 'unknown') stats.unknown += 1;
}

async function runTransaction(
  transaction: LoadTransaction,
  client: number,
  number: number,
  context: LoadContext,
): Promise<Outcome> {
  const { session } = context;
  let isCommitting = false;
  try {
    // Not `begin read write`: that would get past a fence which makes sessions read-only.
    await session.query('begin');
    await session.query('insert into load.transaction (client, number, kind) values ($1, $2, $3)', [
      client,
      number,
      transaction.kind,
    ]);
    await transaction.run(context);
    if (transaction.isRolledBack) {
      await session.query('rollback');
      return 'rolledBack';
    }
    isCommitting = true;
    await session.query('commit');
    return 'committed';
  } catch (error) {
    const code = codeOf(error);
    if (isConnectionLost(error)) return isCommitting ? 'unknown' : 'cut';
    const isKnown = code !== undefined && (CONFLICTS.has(code) || FENCED.has(code));
    if (!isKnown) {
      throw new Error(`The load's "${transaction.kind}" failed: ${String(error)}`, {
        cause: error,
      });
    }
    const isUsable = await session.query('rollback').then(
      () => true,
      () => false,
    );
    if (FENCED.has(code)) return 'fenced';
    return isUsable ? 'conflict' : 'cut';
  }
}

/** undefined: the server does not let this client in any more, or the load was stopped. */
async function reconnect(client: Client): Promise<pg.Client | undefined> {
  while (!client.signal.aborted) {
    try {
      return await client.connect();
    } catch (error) {
      if (SHUT_OUT.has(codeOf(error) ?? '')) {
        client.stats.fencedClients += 1;
        return undefined;
      }
      // The server restarts, or has no connection to spare.
      await pause(RECONNECT_MS);
    }
  }
  return undefined;
}

function choose(transactions: readonly LoadTransaction[], random: Random): LoadTransaction {
  let left = random.next() * transactions.reduce((sum, { weight }) => sum + weight, 0);
  const chosen = transactions.find(({ weight }) => (left -= weight) < 0) ?? transactions.at(-1);
  if (chosen === undefined) throw new Error('A load without any kind of transaction.');
  return chosen;
}

async function readKeys(session: pg.Client): Promise<SampleKeys> {
  const { rows } = await session.query<Record<keyof SampleKeys, string>>(
    `select (select min(product_id) from catalog.product) as "firstProduct",
            (select max(product_id) from catalog.product) as "lastProduct",
            (select max(customer_id) from sales.customer where customer_id < $1) as "lastCustomer",
            (select max(order_id) from sales.orders where order_id < $1) as "lastOrder",
            (select max(payment_id) from sales.payment) as "lastPayment"`,
    [FIRST_OWN_KEY],
  );
  const key = (name: keyof SampleKeys): number => Number(rows[0]?.[name] ?? 1);
  return {
    firstProduct: key('firstProduct'),
    lastProduct: key('lastProduct'),
    lastCustomer: key('lastCustomer'),
    lastOrder: key('lastOrder'),
    lastPayment: key('lastPayment'),
  };
}

function codeOf(error: unknown): string | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}

/** What PostgreSQL says when it ends a session, and what the socket says when it broke. */
const LOST = new Set(['57P01', '57P02', '57P03', 'ECONNRESET', 'EPIPE', 'ECONNREFUSED']);

function isConnectionLost(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== undefined) return LOST.has(code);
  // The driver's own errors have no code: "Connection terminated unexpectedly", "… not queryable".
  return error instanceof Error && /connection/i.test(error.message);
}
