/** How many rows each table of the sample gets at scale 1: about four million in all. */
export interface SampleSizes {
  categories: number;
  products: number;
  images: number;
  customers: number;
  orders: number;
  movements: number;
  logins: number;
}

export function sampleSizes(scale: number): SampleSizes {
  // Never so small that a foreign key has nothing to point at.
  const size = (full: number): number => Math.max(5, Math.round(full * scale));
  return {
    categories: size(200),
    products: size(50_000),
    images: size(6_000),
    customers: size(200_000),
    orders: size(700_000),
    movements: size(500_000),
    logins: size(300_000),
  };
}

/** Rows that one statement makes; sessions share the statements. */
const CHUNK = 100_000;

/**
 * The statements that make the rows, largest first; each can run in any session, in any order. The
 * values follow from the row's number alone, so that every run makes the same database.
 */
export function rowStatements(sizes: SampleSizes, hasHstore: boolean): string[] {
  return [
    ...chunks(sizes.orders, (from, to) => orderItems(from, to, sizes)),
    ...chunks(sizes.orders, (from, to) => orders(from, to, sizes)),
    ...chunks(sizes.orders / 2, (from, to) => payments(from, to)),
    ...chunks(sizes.movements, (from, to) => movements(from, to, sizes)),
    ...chunks(sizes.customers, (from, to) => customers(from, to)),
    ...chunks(sizes.customers * 1.2, (from, to) => addresses(from, to, sizes)),
    ...chunks(sizes.logins, (from, to) => logins(from, to)),
    ...chunks(sizes.products, (from, to) => products(from, to, sizes, hasHstore)),
    images(sizes),
    priceHistory(sizes),
    categories(sizes),
    ...oddRows(),
  ];
}

function chunks(count: number, make: (from: number, to: number) => string): string[] {
  const statements: string[] = [];
  for (let from = 1; from <= count; from += CHUNK) {
    statements.push(make(from, Math.min(Math.floor(count), from + CHUNK - 1)));
  }
  return statements;
}

function categories(sizes: SampleSizes): string {
  return `
    insert into catalog.category (category_id, parent_id, title, path)
    select g, nullif(g / 10, 0), 'Category ' || g, array['root', 'c' || g / 10, 'c' || g]
    from generate_series(1, ${sizes.categories}) g;
    select setval('catalog.category_category_id_seq', ${sizes.categories})`;
}

/** Products are numbered from 1000 on. */
function products(from: number, to: number, sizes: SampleSizes, hasHstore: boolean): string {
  const labels = hasHstore ? "public.hstore('shelf', (g % 97)::text)" : "'shelf ' || g % 97";
  return `
    insert into catalog.product
      (product_id, category_id, sku, title, description, price, tags, attributes, labels,
       weight_grams, launched_on, warranty, is_active)
    overriding system value
    select 999 + g, 1 + g % ${sizes.categories}, 'SKU-' || lpad(g::text, 8, '0'),
           (array['Chair', 'Table', 'Lamp', 'Shelf', 'Sofa', 'Bed', 'Désk', '椅子'])[1 + g % 8] || ' No. ' || g,
           case when g % 3 = 0 then null else repeat('A sturdy piece, made by hand. ', 1 + g % 12) end,
           ((g * 37) % 90000) / 100.0,
           array['tag' || g % 50, 'tag' || g % 7, case when g % 11 = 0 then null else 'a "quoted", tag' end],
           jsonb_build_object('color', (array['red', 'green', 'blue'])[1 + g % 3], 'size', g % 40,
                              'parts', jsonb_build_array(g % 5, g % 7, null), 'big', 12345678901234567890::numeric + g),
           case when g % 4 = 0 then null else ${labels} end,
           (g % 10000) * 1.1, date '2015-01-01' + (g % 3000),
           make_interval(years => g % 5, days => g % 30), g % 20 <> 0
    from generate_series(${from}, ${to}) g`;
}

function images(sizes: SampleSizes): string {
  return `
    insert into catalog.product_image (image_id, product_id, content)
    select md5('image ' || g)::uuid, 1000 + g % ${sizes.products},
           (select string_agg(sha512((g || '/' || i)::text::bytea), ''::bytea) from generate_series(1, 16 + g % 64) i)
    from generate_series(1, ${sizes.images}) g`;
}

function priceHistory(sizes: SampleSizes): string {
  return `
    insert into catalog.price_history
    select 999 + g, inventory.validity(timestamptz '2020-01-01 00:00+00' + make_interval(days => g % 900), null, '[)'), (g % 500) + 0.99
    from generate_series(1, ${sizes.products}, 5) g`;
}

function customers(from: number, to: number): string {
  return `
    insert into sales.customer (customer_id, email, first_name, last_name, country, born_on, signed_up_at,
                                last_address, credit, preferences, note)
    select g, 'Customer.' || g || '@example.com',
           (array['Ada', 'Grace', 'Edsger', 'Barbara', 'Alan', 'José', 'Zoë'])[1 + g % 7],
           (array['Lovelace', 'Hopper', 'Dijkstra', 'Liskov', 'Turing', 'O''Neil', 'Müller', '山田'])[1 + g % 8],
           (array['DE', 'FR', 'US', 'JP', 'BR'])[1 + g % 5],
           case when g % 9 = 0 then null else date '1940-01-01' + (g % 25000) end,
           timestamptz '2018-01-01 00:00+00' + make_interval(secs => g * 61.000001),
           ('10.' || g % 256 || '.' || (g / 256) % 256 || '.7')::inet,
           case when g % 6 = 0 then null else row(g % 1000 + 0.5, 'EUR')::sales.money_amount end,
           jsonb_build_object('tier', (array['gold', 'silver', 'none'])[1 + g % 3], 'newsletter', g % 2 = 0),
           case when g % 50 = 0 then E'Tab\\t, newline\\n, back\\\\slash, ''quotes'', \\\\N and emoji 🛒' end
    from generate_series(${from}, ${to}) g`;
}

function addresses(from: number, to: number, sizes: SampleSizes): string {
  return `
    insert into sales.address
    select g, 1 + g % ${sizes.customers}, 'Street ' || g % 4000 || ' No. ' || g % 120,
           (array['Berlin', 'Paris', 'Austin', 'Kyoto', 'Recife'])[1 + g % 5], lpad((g % 99999)::text, 5, '0'),
           (array['DE', 'FR', 'US', 'JP', 'BR'])[1 + g % 5],
           case when g % 13 = 0 then null else point((g % 3600) / 10.0 - 180, (g % 1800) / 10.0 - 90) end
    from generate_series(${from}, ${to}) g`;
}

/** From 2022 into 2025, so that every partition gets rows, the default one too. */
function orders(from: number, to: number, sizes: SampleSizes): string {
  return `
    insert into sales.orders
    select g, timestamptz '2022-01-01 00:00+00' + make_interval(secs => g * (3.1 * 31536000 / ${sizes.orders})),
           1 + (g * 7919::bigint) % ${sizes.customers},
           (enum_range(null::sales.region))[1 + g % 4], (enum_range(null::sales.order_status))[1 + g % 7],
           ((g * 104729::bigint) % 100000) / 100.0,
           case when g % 25 = 0 then 'Please ring twice; order ' || g end
    from generate_series(${from}, ${to}) g`;
}

/** One to four lines for each order. */
function orderItems(from: number, to: number, sizes: SampleSizes): string {
  return `
    insert into sales.order_item (order_id, line, product_id, quantity, unit_price)
    select g, line, 1000 + (g * 31 + line * 17) % ${sizes.products}, 1 + (g + line) % 5, ((g * 13 + line) % 20000) / 100.0
    from generate_series(${from}::bigint, ${to}) g, generate_series(1, 1 + g % 4) line`;
}

function payments(from: number, to: number): string {
  return `
    insert into sales.payment (payment_id, order_id, paid, method, paid_at, details)
    select g, g * 2, row(((g * 11) % 100000) / 100.0, 'EUR')::sales.money_amount,
           (array['card', 'transfer', 'cash'])[1 + g % 3], timestamp '2022-01-01' + make_interval(mins => g),
           case when g % 3 = 0 then ('{"card":  "' || g % 10000 || '", "ok" : true}')::json end
    from generate_series(${from}, ${to}) g;
    select setval('sales.payment_payment_id_seq', greatest(${to}, (select last_value from sales.payment_payment_id_seq)))`;
}

function movements(from: number, to: number, sizes: SampleSizes): string {
  return `
    insert into inventory.movement
    select 'WH0' || g % 5, 1000 + g % ${sizes.products}, timestamptz '2023-01-01 00:00+00' + make_interval(secs => g * 31),
           g % 201 - 100, case when g % 4 = 0 then 'stocktaking' end
    from generate_series(${from}, ${to}) g`;
}

function logins(from: number, to: number): string {
  return `
    insert into audit.login (event_id, happened_at, actor, what, payload, address, is_successful)
    select 1000 + g, timestamptz '2024-01-01 00:00+00' + make_interval(secs => g * 7), 'user' || g % 500, 'login',
           case when g % 5 = 0 then jsonb_build_object('agent', 'Mozilla/5.0', 'n', g) end,
           ('2001:db8::' || to_hex(g % 65536))::inet, g % 17 <> 0
    from generate_series(${from}, ${to}) g`;
}

function oddRows(): string[] {
  return [
    `insert into inventory.warehouse (code, title, area, network)
     select 'WH0' || g, 'Warehouse ' || g, ('((0,0),(0,' || g || '),(5,5))')::polygon, ('192.168.' || g || '.0/24')::cidr
     from generate_series(0, 4) g`,
    `insert into inventory.cart select md5('cart ' || g)::uuid, jsonb_build_array(g), now() from generate_series(1, 100) g`,
    `insert into inventory.booking select int4range(g * 10, g * 10 + 5), 'guest ' || g from generate_series(1, 50) g`,
    `insert into audit.event (happened_at, what) select timestamptz '2023-06-01 00:00+00' + make_interval(hours => g), 'start ' || g from generate_series(1, 500) g`,
    `insert into "Weird Schema"."select" values
       (1, 'plain', 1.50, 'NaN', '{}', default), (2, null, 'NaN', '-Infinity', null, ''),
       (3, E'\\\\. \\n\\r\\t"\\'', 1e100, 'Infinity', '{"a,b",NULL,"NULL","{}"}', E'\\\\N'), (4, '', -0.000, '-0', '{{a,b},{c,d}}', ' ')`,
    `insert into "Weird Schema"."Ünï.cødé ""table"" 日本" values ('ключ', '値'), ('', null), ('a', repeat('🐘', 5000))`,
    `insert into "Weird Schema".a_name_of_sixty_three_bytes_which_is_the_most_that_a_name_may_be values
       (b'1010', '08:00:2b:01:02:03', '<a b="c">d</a>', 'fat:2A cat:3', '[1,10)', '{"infinity","-infinity","4713-01-01 00:00:00+00 BC"}', 'x', '16/B374D848', '[2:3][0:1]={{1,2},{3,null}}'),
       (null, null, null, null, 'empty', '{}', '', null, '{}')`,
    'insert into "Weird Schema".no_columns default values; insert into "Weird Schema".no_columns default values',
  ];
}
