import { readFile } from 'node:fs/promises';
import type pg from 'pg';
import { rowStatements, sampleSizes } from './rows.ts';

export interface SampleOptions {
  /** 1 makes about four million rows; default 0.001. */
  scale?: number;
  /** Opens further sessions to the same database; with them rows and indexes are made in parallel. */
  connect?: () => Promise<pg.Client>;
  /** Sessions in all; default: 1, or 3 with `connect`. */
  sessionCount?: number;
}

/** Extensions that the sample uses where the server has them. */
const EXTENSIONS = ['citext', 'hstore', 'pg_trgm'] as const;

const ROLES = ['shop_owner', 'shop_reader', 'shop_app'] as const;

const LARGE_OBJECTS = 12;

/**
 * Makes the sample database, a shop, in the empty database that the client is connected to.
 * Needs PostgreSQL 12 and a role that may create extensions and roles.
 */
export async function createSampleDatabase(
  client: pg.Client,
  options: SampleOptions = {},
): Promise<void> {
  const sizes = sampleSizes(options.scale ?? 0.001);
  await createSampleRoles(client);
  const extensions = await createExtensions(client);
  const type = (name: string): string => (extensions.has(name) ? `public.${name}` : 'text');
  const schema = await readSql('schema.sql');
  await client.query(
    schema.replaceAll('{{citext}}', type('citext')).replaceAll('{{hstore}}', type('hstore')),
  );
  const connect = options.connect;
  const count = connect === undefined ? 1 : (options.sessionCount ?? 3);
  const others = connect
    ? await Promise.all(Array.from({ length: count - 1 }, () => connect()))
    : [];
  try {
    const sessions = [client, ...others];
    await runAll(sessions, rowStatements(sizes, extensions.has('hstore')));
    await createLargeObjects(client);
    const indexes = splitStatements(await readSql('indexes.sql'));
    if (extensions.has('pg_trgm')) {
      indexes.push(
        'create index customer_like on sales.customer using gin (last_name public.gin_trgm_ops)',
      );
    }
    await runAll(sessions, indexes);
    await client.query(await readSql('finish.sql'));
    await moveSequences(client, sizes);
    await client.query('analyze');
  } finally {
    await Promise.all(others.map((other) => other.end()));
  }
}

/** The roles that own and read parts of the sample; the target needs them to carry its grants. */
export async function createSampleRoles(client: pg.Client): Promise<void> {
  for (const role of ROLES) {
    await client.query(
      `do $$ begin create role ${role}; exception when duplicate_object then null; end $$`,
    );
  }
}

async function createExtensions(client: pg.Client): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(
    'select name from pg_catalog.pg_available_extensions where name = any ($1)',
    [EXTENSIONS],
  );
  for (const { name } of rows) await client.query(`create extension ${name} schema public`);
  return new Set(rows.map(({ name }) => name));
}

/** Every session takes the next statement when it is done with one. */
async function runAll(
  sessions: readonly pg.Client[],
  statements: readonly string[],
): Promise<void> {
  let next = 0;
  const work = async (session: pg.Client): Promise<void> => {
    await session.query("set synchronous_commit = off; set maintenance_work_mem = '128MB'");
    while (next < statements.length) await session.query(statements[next++] ?? '');
  };
  await Promise.all(sessions.map(work));
}

async function createLargeObjects(client: pg.Client): Promise<void> {
  await client.query(`
    insert into catalog.manual (product_id, document)
    select 999 + g, lo_from_bytea(0, convert_to(repeat('Manual page ' || g || E'\\n', g * g * 200), 'UTF8'))
    from generate_series(1, ${LARGE_OBJECTS}) g
    where exists (select from catalog.product where product_id = 999 + g);
    do $$
    declare manual oid;
    begin
      select document into manual from catalog.manual order by product_id limit 1;
      execute format('comment on large object %s is %L', manual, 'The first manual');
      execute format('grant select on large object %s to shop_reader', manual);
    end $$;
  `);
}

async function moveSequences(
  client: pg.Client,
  sizes: ReturnType<typeof sampleSizes>,
): Promise<void> {
  await client.query(
    `select setval(pg_get_serial_sequence('catalog.product', 'product_id'), $1::bigint + 999),
            setval(pg_get_serial_sequence('sales.customer', 'customer_id'), $1::bigint + $2::bigint),
            setval('sales.invoice_number', 2020000301), nextval('inventory.countdown'),
            setval('sales.queue_slot', 49)`,
    [sizes.products, sizes.customers],
  );
}

/** The file's statements end at the end of a line and hold no other semicolon there. */
function splitStatements(sql: string): string[] {
  return sql
    .replaceAll(/^--.*$/gm, '')
    .split(/;\n/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

async function readSql(name: string): Promise<string> {
  return readFile(new URL(name, import.meta.url), 'utf8');
}
