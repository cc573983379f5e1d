import type pg from 'pg';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { codeOf } from '../../../shared/errors/migrationError.ts';

/** Tables of all kinds that a stream has to carry; the sum over both accounts never changes. */
export const BANK_SQL = `
create table acc_a (id int primary key, bal int not null);
create table acc_b (id int primary key, bal int not null);
insert into acc_a select i, 1000 from generate_series(1, 50) i;
insert into acc_b select i, 1000 from generate_series(1, 50) i;
create type mood as enum ('calm', 'very "odd"');
create table item (
  id bigint generated always as identity primary key,
  code text not null unique,
  amount numeric,
  ratio float8,
  mood mood default 'calm',
  tags text[],
  doc jsonb,
  raw bytea,
  big text,
  twice numeric generated always as (amount * 2) stored
);
alter table item alter big set storage external;
insert into item (code, amount, ratio, tags, doc, raw, big)
  select 'c' || i, i / 7.0, 1.0 / i, array['a', null, 'b"c' || i], jsonb_build_object('i', i),
    decode(md5(i::text), 'hex'), repeat(md5(i::text), 120)
  from generate_series(1, 3000) i;
create table entry (item bigint references item on delete cascade, at timestamptz default now(), note text);
alter table entry replica identity full;
insert into entry (item, note) select id, 'first' from item;
create table event (id int, day date not null, v text, primary key (id, day)) partition by range (day);
create table event_1 partition of event for values from ('2020-01-01') to ('2020-07-01');
create table event_2 partition of event for values from ('2020-07-01') to ('2021-01-01');
insert into event select i, date '2020-01-01' + i % 360, 'e' || i from generate_series(1, 1000) i;
create unlogged table scratch (id int primary key, v text);
insert into scratch select i, 's' from generate_series(1, 10) i;
create table counter (n int primary key);
create function count_event() returns trigger language plpgsql as
  $$ begin insert into public.counter values (new.id) on conflict do nothing; return new; end $$;
create trigger count_event after insert on event for each row execute function count_event();
create materialized view item_count as select count(*) as n from item;
create sequence ticket;
select lo_from_bytea(4711, '\\x010203');
`;

export interface BankLoad {
  /** Transactions that were committed. */
  readonly committed: number;
  /** Ends the clients; waits for what they are at. */
  stop(): Promise<void>;
}

/** Clients that write until they are stopped, or their connections are ended by a fence. */
export function startBankLoad(cluster: ThrowawayCluster, database: string, clients = 3): BankLoad {
  let isStopped = false;
  let committed = 0;
  const client = async (number: number) => {
    const connection = await cluster.connect(database);
    connection.on('error', () => undefined);
    let next = 100_000 * (number + 1);
    while (!isStopped) {
      next += 1;
      try {
        await connection.query('begin');
        await oneTransaction(connection, next);
        await connection.query('commit');
        committed += 1;
      } catch (error) {
        if (!/^(40|23|25006)/.test(codeOf(error) ?? '')) break;
        await connection.query('rollback').catch(() => undefined);
      }
    }
    await connection.end().catch(() => undefined);
  };
  const done = Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  return {
    get committed() {
      return committed;
    },
    stop: async () => {
      isStopped = true;
      await done;
    },
  };
}

async function oneTransaction(connection: pg.Client, n: number): Promise<void> {
  const pick = (most: number) => 1 + ((n * 7919) % most);
  await connection.query('update acc_a set bal = bal - 7 where id = $1', [pick(50)]);
  await connection.query('update acc_b set bal = bal + 7 where id = $1', [pick(49)]);
  switch (n % 8) {
    case 0:
      await connection.query(
        `insert into item (code, amount, ratio, tags, doc, big)
         values ($1, 'NaN', 'Infinity', '{x,NULL}', '{"a": 1.0}', repeat('z', 5000))`,
        [`n${n}`],
      );
      return;
    case 1:
      await connection.query(
        'update item set amount = amount + 1, ratio = null where id = (select id from item order by random() limit 1)',
      );
      return;
    case 2:
      await connection.query('delete from item where id = (select min(id) from item)');
      return;
    case 3:
      await connection.query(
        "insert into entry (item, note) select id, 'again' from item order by id desc limit 2",
      );
      return;
    case 4:
      await connection.query(
        "update entry set note = note || '!' where ctid = (select ctid from entry limit 1)",
      );
      return;
    case 5:
      await connection.query("insert into event values ($1, '2020-03-01', 'new')", [n]);
      return;
    case 6:
      await connection.query("update event set day = '2020-12-01' where id = $1", [n - 1]);
      return;
    default:
      await connection.query(
        "update item set code = code || 'x' where id = (select max(id) from item)",
      );
      await connection.query("select nextval('ticket')");
      if (n % 64 === 7) await connection.query('truncate counter');
  }
}
