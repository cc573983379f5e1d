import type pg from 'pg';

/**
 * The role that the load writes as. It is no superuser: a fence has to keep it out. The target needs
 * the role too, to take over what was granted to it.
 */
export const LOAD_ROLE = 'shop_load';

export async function createLoadRole(client: pg.Client): Promise<void> {
  await client.query(
    `do $$ begin create role ${LOAD_ROLE} login bypassrls; exception when duplicate_object then null; end $$`,
  );
}

const SCHEMAS = ['catalog', 'sales', 'inventory', 'audit', '"Weird Schema"', 'load'] as const;

/**
 * Makes what the load needs in the sample database: its role with rights, and a table in which every
 * transaction of the load leaves one row, so that they can be counted on the other side.
 */
export async function prepareWriteLoad(client: pg.Client): Promise<void> {
  await createLoadRole(client);
  await client.query(`
    create schema load;
    create table load.transaction (
      client integer not null,
      number integer not null,
      kind text not null,
      begun_at timestamptz not null default now(),
      primary key (client, number)
    )`);
  for (const schema of SCHEMAS) {
    await client.query(`
      grant usage on schema ${schema} to ${LOAD_ROLE};
      grant select, insert, update, delete, truncate on all tables in schema ${schema} to ${LOAD_ROLE};
      grant usage, select, update on all sequences in schema ${schema} to ${LOAD_ROLE}`);
  }
}

/** How many transactions of a load a database holds. */
export async function countLoadTransactions(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ count: string }>('select count(*) from load.transaction');
  return Number(rows[0]?.count);
}
