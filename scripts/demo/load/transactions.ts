import type pg from 'pg';
import type { Random } from './random.ts';

/** What a transaction has to work with. */
export interface LoadContext {
  session: pg.Client;
  random: Random;
  /** Keys of the sample, read at the start; rows below them are never deleted. */
  keys: SampleKeys;
  /** A number that no other transaction of any client gets: keys of new rows are made of it. */
  unique(): number;
}

export interface SampleKeys {
  firstProduct: number;
  lastProduct: number;
  lastCustomer: number;
  lastOrder: number;
  lastPayment: number;
}

/** One kind of transaction. `run` is called between begin and commit. */
export interface LoadTransaction {
  kind: string;
  /** How often, by the sum of all weights. */
  weight: number;
  /** It is to be rolled back in the end. */
  isRolledBack?: boolean;
  run(context: LoadContext): Promise<void>;
}

/** Keys of rows that the load makes begin here. */
export const FIRST_OWN_KEY = 1_000_000_000;

const STATUSES = ['new', 'paid', 'packed', 'shipped', 'delivered', 'returned', 'canceled'];
const REGIONS = ['north', 'south', 'east', 'west'];
const DAY_SECONDS = 86_400;

const product = ({ random, keys }: LoadContext): number =>
  random.between(keys.firstProduct, keys.lastProduct);
const customer = ({ random, keys }: LoadContext): number => random.between(1, keys.lastCustomer);
const order = ({ random, keys }: LoadContext): number => random.between(1, keys.lastOrder);

/** Orders of the sample end in early 2025: later ones fall into the default partition. */
const placedAt = ({ random }: LoadContext): string =>
  new Date(Date.UTC(2022, 0, 1) + random.between(0, 1_500 * DAY_SECONDS) * 1_000).toISOString();

async function placeOrder(context: LoadContext): Promise<void> {
  const { session, random } = context;
  const key = context.unique();
  await session.query(`insert into sales.orders values ($1, $2, $3, $4, 'new', $5, $6)`, [
    key,
    placedAt(context),
    customer(context),
    random.pick(REGIONS),
    random.between(0, 99_999) / 100,
    random.chance(0.3) ? `Ring twice;\tthen "wait"\\n ${key}` : null,
  ]);
  await session.query(
    `insert into sales.order_item (order_id, line, product_id, quantity, unit_price)
     select $1, line, $2::bigint + line, line, line * 1.10 from generate_series(1, $3::int) line`,
    [key, Math.max(context.keys.firstProduct, product(context) - 4), random.between(1, 4)],
  );
  await session.query(
    `insert into sales.payment (order_id, paid, method, paid_at, details)
     values ($1, row($2::numeric, 'EUR'), 'card', now(), json_build_object('invoice', nextval('sales.invoice_number')))`,
    [key, random.between(1, 9_999) / 100],
  );
}

async function advanceOrder(context: LoadContext): Promise<void> {
  const { session, random } = context;
  await session.query(
    'update sales.orders set status = $2, total = total + $3 where order_id = $1',
    [order(context), random.pick(STATUSES), random.between(-100, 100) / 100],
  );
}

/** Between partitions, on both levels, and between the hash partitions of its lines. */
async function moveOrder(context: LoadContext): Promise<void> {
  const { session, random } = context;
  const [from, to] = [order(context), context.unique()];
  await session.query(
    'update sales.orders set order_id = $2, placed_at = $3, region = $4 where order_id = $1',
    [from, to, placedAt(context), random.pick(REGIONS)],
  );
  await session.query(
    'update sales.order_item set order_id = $2, line = line + 10 where order_id = $1 and line < 100',
    [from, to],
  );
}

async function changeCustomer(context: LoadContext): Promise<void> {
  const { session, random } = context;
  await session.query(
    `update sales.customer set email = $2, credit = $3::sales.money_amount, last_address = $4,
       preferences = preferences || jsonb_build_object('visits', $5::int), note = $6
     where customer_id = $1`,
    [
      customer(context),
      `Moved.${context.unique()}@example.com`,
      random.chance(0.2) ? null : `(${random.between(0, 500)}.25,EUR)`,
      `10.9.${random.between(0, 255)}.${random.between(0, 255)}`,
      random.between(1, 1_000_000),
      random.pick([null, '', 'NULL', '\\N', "Ünï 'quoted' 🛒", 'line\r\nbreak']),
    ],
  );
}

/** A key that changes twice in one transaction, a row that comes and goes, and rows that stay. */
async function newCustomers(context: LoadContext): Promise<void> {
  const { session } = context;
  const keys = [context.unique(), context.unique(), context.unique(), context.unique()];
  const insert = `insert into sales.customer (customer_id, email, first_name, last_name, country, signed_up_at)
     values ($1, $2, 'New', 'Comer', 'FR', now())`;
  await session.query(insert, [keys[0], `first.${keys[0]}@example.com`]);
  await session.query(insert, [keys[1], `second.${keys[1]}@example.com`]);
  for (const [from, to] of [
    [keys[0], keys[2]],
    [keys[2], keys[3]],
  ]) {
    await session.query('update sales.customer set customer_id = $2 where customer_id = $1', [
      from,
      to,
    ]);
  }
  await session.query('delete from sales.customer where customer_id = $1', [keys[1]]);
  await session.query(
    `insert into sales.address values ($1, $2, 'New Street', 'Kyoto', '00001', 'JP', '(1.5,-2.25)')`,
    [context.unique(), keys[3]],
  );
}

/** Two rows swap their unique values by way of a third one. */
async function swapUnique(context: LoadContext): Promise<void> {
  const { session } = context;
  const pair = [product(context), product(context)].sort((a, b) => a - b);
  const { rows } = await session.query<{ id: string; sku: string }>(
    'select product_id as id, sku from catalog.product where product_id = any ($1) order by 1 for update',
    [pair],
  );
  const [first, second] = rows;
  if (first === undefined || second === undefined) return;
  const set = 'update catalog.product set sku = $2 where product_id = $1';
  await session.query(set, [first.id, `SKU-swap-${context.unique()}`]);
  await session.query(set, [second.id, first.sku]);
  await session.query(set, [first.id, second.sku]);
}

async function changePrice(context: LoadContext): Promise<void> {
  const { session, random } = context;
  const id = product(context);
  await session.query(
    `update catalog.product set price = $2, tags = tags || array[$3, null, 'a "b", {c}'],
       launched_on = case when $4 then 'infinity'::date else launched_on end,
       warranty = make_interval(months => $5::int, secs => 0.5), is_active = not is_active
     where product_id = $1 and cardinality(tags) < 50`,
    [
      id,
      random.between(1, 50_000) / 100,
      `tag${random.between(1, 99)}`,
      random.chance(0.1),
      random.between(0, 40),
    ],
  );
  await session.query(
    `insert into catalog.price_history values ($1, inventory.validity(clock_timestamp(), null, '[)'), $2)
     on conflict do nothing`,
    [id, random.between(1, 50_000) / 100],
  );
  await session.query(
    `update catalog.price_history set valid = inventory.validity(lower(valid), clock_timestamp(), '[)')
     where product_id = $1 and upper_inf(valid) and lower(valid) < clock_timestamp() - interval '1 day'`,
    [id],
  );
}

/** The new key goes to all products of the category by its foreign key. */
async function renumberCategory(context: LoadContext): Promise<void> {
  await context.session.query(
    `update catalog.category set category_id = $1 where category_id = (
       select category_id from catalog.category c
       where not exists (select from catalog.category child where child.parent_id = c.category_id)
       order by md5(category_id::text || $2) limit 1)`,
    [context.unique(), String(context.random.next())],
  );
}

/** Rows that no key tells apart: each change is to meet exactly one of them. */
async function moveStock(context: LoadContext): Promise<void> {
  const { session, random } = context;
  const [id, warehouse] = [product(context), `WH0${random.between(0, 4)}`];
  await session.query(
    `insert into inventory.movement select $1, $2, date_trunc('second', now()), 1, null from generate_series(1, 3)`,
    [warehouse, id],
  );
  const one =
    '(select ctid from inventory.movement where product_id = $1 order by moved_at desc limit 1)';
  await session.query(`update inventory.movement set pieces = pieces + 1 where ctid = ${one}`, [
    id,
  ]);
  if (random.chance(0.7)) {
    await session.query(`delete from inventory.movement where ctid = ${one}`, [id]);
  }
}

async function deleteOrders(context: LoadContext): Promise<void> {
  const { session } = context;
  const { rows } = await session.query<{ id: string }>(
    `select order_id as id from sales.orders where order_id >= $1
     order by order_id limit 3 for update skip locked`,
    [FIRST_OWN_KEY],
  );
  const keys = rows.map(({ id }) => id);
  await session.query('delete from sales.order_item where order_id = any ($1)', [keys]);
  await session.query('delete from sales.orders where order_id = any ($1)', [keys]);
}

/** Values of up to some megabytes, and updates that leave them where they are. */
async function largeValues(context: LoadContext): Promise<void> {
  const { session, random } = context;
  const id = product(context);
  await session.query(
    `insert into catalog.product_image (image_id, product_id, content)
     values (md5($1::text)::uuid, $2, $3)`,
    [context.unique(), id, random.bytes(random.between(1_000, 2_000_000))],
  );
  await session.query(
    `update catalog.product_image set mime_type = 'image/avif' where product_id = $1`,
    [product(context)],
  );
  await session.query('update catalog.product set description = $2 where product_id = $1', [
    id,
    random.bytes(random.between(10, 100_000)).toString('base64'),
  ]);
  await session.query('update catalog.product set weight_grams = $2 where product_id = $1', [
    id,
    random.next() * 1_000,
  ]);
  await session.query(
    `delete from catalog.product_image where image_id in (
       select image_id from catalog.product_image where product_id = $1 limit 1)`,
    [product(context)],
  );
}

async function truncateSomething(context: LoadContext): Promise<void> {
  const { session, random } = context;
  // Nobody is to queue for long behind a lock that waits for somebody else.
  await session.query(`set local lock_timeout = '200ms'`);
  switch (random.between(0, 3)) {
    case 0:
      await session.query('truncate inventory.booking');
      await session.query(
        `insert into inventory.booking
         select int4range(g * 10, g * 10 + $1::int), 'guest ' || g from generate_series(1, 30) g`,
        [random.between(1, 9)],
      );
      break;
    case 1:
      await session.query('truncate sales.orders_rest');
      break;
    case 2:
      await session.query(
        `insert into "Weird Schema".empty_table select g, 'gone at once' from generate_series($1::int, $1::int + 9) g`,
        [context.unique()],
      );
      await session.query(
        'truncate "Weird Schema".empty_table, inventory.booking restart identity',
      );
      await session.query(`insert into "Weird Schema".empty_table values ($1, 'stays')`, [
        context.unique(),
      ]);
      break;
    default:
      await session.query('truncate inventory.cart');
      await session.query(
        `insert into inventory.cart
         select md5($1 || g::text)::uuid, jsonb_build_array(g), now() from generate_series(1, 20) g`,
        [String(context.unique())],
      );
  }
}

async function oddNames(context: LoadContext): Promise<void> {
  const { session, random } = context;
  const key = context.unique();
  const number = random.pick([
    'NaN',
    'Infinity',
    '-Infinity',
    '1.50',
    '-0',
    '12345678901234567890.5',
  ]);
  await session.query(
    `insert into "Weird Schema"."select" ("from", "na""me", "Größe", "100 %", "a.b") values ($1, $2, $3, $4, $5)`,
    [key, `'${key}\\`, number.includes('Inf') ? 'NaN' : number, number, ['a,b', null, 'NULL', '']],
  );
  await session.query(
    `update "Weird Schema"."select" set "Größe" = 'NaN', "back\\slash" = null
     where "from" in (select "from" from "Weird Schema"."select" order by "from" limit 3)`,
  );
  const name = '"Weird Schema"."Ünï.cødé ""table"" 日本"';
  await session.query(`insert into ${name} values ($1, repeat('🐘', $2))`, [
    `ключ ${key}`,
    random.between(0, 3_000),
  ]);
  await session.query(`update ${name} set "ключ" = "ключ" || '!' where "ключ" = $1`, [
    `ключ ${key}`,
  ]);
  await session.query(
    `insert into "Weird Schema".a_name_of_sixty_three_bytes_which_is_the_most_that_a_name_may_be
     values (b'0110', '08:00:2b:01:02:03', '<a>&amp;</a>', 'cat:3B dog', '(,5]',
             '{infinity,-infinity,"0044-03-15 12:00:00 BC"}', 'y', '0/ABCDEF', '{{1,null}}')`,
  );
}

/** What a savepoint takes back must not arrive. */
async function useSavepoints(context: LoadContext): Promise<void> {
  const { session, random } = context;
  const login = (actor: string): Promise<unknown> =>
    session.query(
      `insert into audit.login (event_id, happened_at, actor, what, payload, address, is_successful)
       values ($3, now(), $1, 'login', jsonb_build_object('n', 12345678901234567890.123), '2001:db8::1', $2)`,
      [actor, random.chance(0.5), context.unique()],
    );
  await login('kept');
  await session.query('savepoint a');
  await login('taken back');
  await session.query('savepoint b');
  await login('taken back too');
  await session.query('rollback to savepoint a');
  await login('kept too');
  await session.query('release savepoint a');
}

async function manyRows({ session, random, keys }: LoadContext): Promise<void> {
  const from = random.between(1, Math.max(1, keys.lastPayment - 3_000));
  await session.query(
    `update sales.payment set method = 'transfer', paid_at = paid_at + interval '1 second'
     where payment_id between $1 and $1 + 3000`,
    [from],
  );
}

async function newManual(context: LoadContext): Promise<void> {
  const { session, random } = context;
  await session.query(
    `insert into catalog.manual select $1, lo_from_bytea(0, $2)
     where not exists (select from catalog.manual where product_id = $1)`,
    [product(context), random.bytes(random.between(1, 50_000))],
  );
}

/** Everything that a migration has to carry over, in about the shares of a shop. */
export const LOAD_TRANSACTIONS: readonly LoadTransaction[] = [
  { kind: 'place order', weight: 30, run: placeOrder },
  { kind: 'advance order', weight: 25, run: advanceOrder },
  { kind: 'change customer', weight: 15, run: changeCustomer },
  { kind: 'move stock', weight: 15, run: moveStock },
  { kind: 'change price', weight: 12, run: changePrice },
  { kind: 'delete orders', weight: 8, run: deleteOrders },
  { kind: 'move order', weight: 6, run: moveOrder },
  { kind: 'new customers', weight: 6, run: newCustomers },
  { kind: 'savepoints', weight: 5, run: useSavepoints },
  { kind: 'rolled back', weight: 3, isRolledBack: true, run: placeOrder },
  { kind: 'swap', weight: 3, run: swapUnique },
  { kind: 'large values', weight: 2, run: largeValues },
  { kind: 'odd names', weight: 2, run: oddNames },
  { kind: 'truncate', weight: 1, run: truncateSomething },
  { kind: 'many rows', weight: 0.5, run: manyRows },
  { kind: 'renumber category', weight: 0.5, run: renumberCategory },
  { kind: 'large object', weight: 0.5, run: newManual },
];
