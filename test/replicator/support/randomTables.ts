import fc from 'fast-check';

/*
 * Random tables and random changes of them, as SQL whose values the server makes. What a statement
 * does is whatever the source makes of it; one that fails there is rolled back there.
 */

export const TYPES_SQL = `
create type mood as enum ('sad', 'ok', 'it''s "fine"');
create type pair as (a int, b text);
create domain price as numeric(12, 3) check (value > -1000000);
create domain digest as bytea;`;

interface ValueType {
  sql: string;
  values: readonly string[];
  /** Values that wal2json before 2.6 writes as null: only where a key tells the row. */
  notFinite?: readonly string[];
}

const LONG = 'repeat(md5(random()::text), 200)';

const KEY_TYPES: readonly ValueType[] = [
  {
    sql: 'int',
    values: ['(random() * 300)::int', '(random() * 2e9)::int', '-(random() * 50)::int'],
  },
  {
    sql: 'bigint',
    values: ['(random() * 300)::bigint', '9007199254740993 + (random() * 300)::int'],
  },
  {
    sql: 'text',
    values: [
      "'k' || (random() * 300)::int",
      `E'\\\\ "' || (random() * 300)::int || E'\\n'`,
      "'ü€😀,{}' || (random() * 300)::int",
    ],
  },
  { sql: 'uuid', values: ['gen_random_uuid()'] },
  { sql: 'numeric', values: ['(random() * 300)::numeric(10, 2)', '1e30 + (random() * 300)::int'] },
  { sql: 'timestamptz', values: ["'2000-01-01'::timestamptz + random() * interval '90 days'"] },
];

const TYPES: readonly ValueType[] = [
  ...KEY_TYPES,
  { sql: 'smallint', values: ['(random() * 300)::int'] },
  { sql: 'numeric', values: ['1.10', '1.100', '-0.000012', '1e100'], notFinite: ["'NaN'"] },
  { sql: 'numeric(10, 2)', values: ['12.3', '99999999.99'], notFinite: ["'NaN'"] },
  {
    sql: 'float8',
    values: ['random()', '0.1::float8 + 0.2', "'-0'", '1e-300'],
    notFinite: ["'NaN'", "'Infinity'", "'-Infinity'"],
  },
  { sql: 'float4', values: ['random()', "'-0'"], notFinite: ["'NaN'", "'-Infinity'"] },
  {
    sql: 'text',
    values: ["''", "'NULL'", String.raw`'\N'`, String.raw`E'a\\b\n\t\r"''{}'`, "'ü€😀'", LONG],
  },
  { sql: 'varchar(40)', values: ["'v'", "'  padded  '"] },
  { sql: 'char(5)', values: ["'a'", "'abcde'"] },
  { sql: 'name', values: ["'a name'"] },
  {
    sql: 'bytea',
    values: [String.raw`'\x'`, String.raw`'\x00ff5c'`, "decode(repeat('00ff5c27', 900), 'hex')"],
  },
  { sql: 'digest', values: [String.raw`'\xdeadbeef'`, String.raw`'\x'`] },
  { sql: 'boolean', values: ['random() < .5'] },
  { sql: 'date', values: ["'infinity'", "'-infinity'", "'0044-03-15 BC'", "'2024-02-29'"] },
  {
    sql: 'timestamp',
    values: ["'infinity'", "'0001-01-01 00:00:00.000001 BC'", 'now()::timestamp'],
  },
  { sql: 'time', values: ["'24:00'", "'12:34:56.789012'"] },
  { sql: 'timetz', values: ["'12:00+05:30'", "'23:59:59.999999-12'"] },
  { sql: 'interval', values: ["'1 year -2 days 3.5 secs'", "'-1 mon +1 day'", "'0'"] },
  { sql: 'json', values: [`'{"a":1,  "a":2.0}'`, `'null'`, `'[1e400]'`] },
  { sql: 'jsonb', values: [`'{"b": [1, 2.50, "\\u00fc"]}'`, `'null'`, '\'""\''] },
  { sql: 'inet', values: ["'192.168.0.1/24'", "'::1'"] },
  { sql: 'int[]', values: ["'{1,NULL,3}'", "'[0:1]={1,2}'", "'{}'", "'{{1,2},{3,4}}'"] },
  { sql: 'text[]', values: [`'{NULL,"NULL","",a}'`, String.raw`array[E'a\\b"c', ',']`] },
  { sql: 'mood', values: ["'sad'", `'it''s "fine"'`] },
  { sql: 'mood[]', values: [`array['ok', null, 'it''s "fine"']::mood[]`] },
  { sql: 'pair', values: [`row(1, 'x,"')`, 'row(null, null)', "row(null, '')"] },
  { sql: 'pair[]', values: [`array[row(1, 'a'), row(2, 'b"c')]::pair[]`] },
  { sql: 'price', values: ['1.5', '-0.125'] },
  { sql: 'int4range', values: ["'[1,5)'", "'empty'", "'(,7]'"] },
  { sql: 'int4multirange', values: ["'{[1,5),[8,9)}'", "'{}'"] },
  { sql: 'money', values: ["'1234.50'", "'-0.01'"] },
  { sql: 'bit(5)', values: ["B'10101'"] },
  { sql: 'varbit', values: ["B''", "B'1'"] },
  { sql: 'tsvector', values: ["'a:1 ''it''''s'':2'", "''"] },
  { sql: 'point', values: ["'(1.5,-2)'"] },
  { sql: 'box', values: ["'(1,1),(0,0)'"] },
  { sql: 'box[]', values: ["'{(1,1),(0,0);(2,2),(1,1)}'"] },
];

interface Column {
  name: string;
  sql: string;
  values: readonly string[];
  notNull: boolean;
}

type Identity = 'primary' | 'unique' | 'full' | 'fullWithKey';

export interface RandomTable {
  name: string;
  keys: readonly Column[];
  columns: readonly Column[];
  identity: Identity;
  isPartitioned: boolean;
  hasExtras: boolean;
  isToastExternal: boolean;
}

const columnName = (prefix: string, index: number, odd: boolean) =>
  odd ? `"${prefix} ${index} ""Odd"",é"` : `${prefix}${index}`;

function tableArbitrary(index: number): fc.Arbitrary<RandomTable> {
  return fc
    .record({
      keyTypes: fc.array(fc.constantFrom(...KEY_TYPES), { minLength: 1, maxLength: 2 }),
      types: fc.array(fc.tuple(fc.constantFrom(...TYPES), fc.boolean()), {
        minLength: 0,
        maxLength: 9,
      }),
      identity: fc.constantFrom<Identity>(
        'primary',
        'primary',
        'primary',
        'unique',
        'full',
        'fullWithKey',
      ),
      isPartitioned: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
      hasExtras: fc.boolean(),
      isToastExternal: fc.boolean(),
      isOdd: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
    })
    .map(({ keyTypes, types, identity, isOdd, ...rest }) => ({
      ...rest,
      name: isOdd ? `"Odd ""table"" ${index}"` : `r${index}`,
      identity,
      keys: keyTypes.map(({ sql, values }, at) => ({
        name: columnName('k', at, isOdd),
        sql,
        values,
        notNull: true,
      })),
      columns: types.map(([type, notNull], at) => ({
        name: columnName('c', at, isOdd),
        sql: type.sql,
        notNull,
        values: [
          ...type.values,
          ...(identity === 'full' ? [] : (type.notFinite ?? [])),
          ...(notNull ? [] : ['null']),
        ],
      })),
    }));
}

export interface RandomCase {
  tables: RandomTable[];
  /** SQL of transactions: before the copy, during it and after it. */
  writes: string[][];
}

export function randomCase(tableCount: number, transactions: number): fc.Arbitrary<RandomCase> {
  return fc
    .tuple(...Array.from({ length: tableCount }, (_, index) => tableArbitrary(index)))
    .chain((tables) =>
      fc.record({
        tables: fc.constant(tables),
        writes: fc.array(fc.array(writeArbitrary(tables), { minLength: 1, maxLength: 6 }), {
          minLength: transactions,
          maxLength: transactions,
        }),
      }),
    );
}

/** The same on both sides, but for what the copy's indexing brings. */
export function tableSql(table: RandomTable): string {
  const columns = [...table.keys, ...table.columns].map(
    ({ name, sql, notNull }) => `${name} ${sql}${notNull ? ' not null' : ''}`,
  );
  if (table.hasExtras) {
    columns.push('number int generated always as identity');
    if (!table.isPartitioned) columns.push('made text generated always as (upper(mark)) stored');
  }
  columns.push('mark text');
  const partition = table.isPartitioned ? ` partition by hash (${table.keys[0]?.name})` : '';
  const statements = [`create table ${table.name} (${columns.join(', ')})${partition}`];
  const leaves = leavesOf(table);
  if (table.isPartitioned) {
    leaves.forEach((leaf, remainder) =>
      statements.push(
        `create table ${leaf} partition of ${table.name} for values with (modulus 2, remainder ${remainder})`,
      ),
    );
  }
  if (table.isToastExternal) {
    for (const leaf of leaves)
      statements.push(`alter table ${leaf} alter mark set storage external`);
  }
  return statements.join('; ');
}

function leavesOf(table: RandomTable): string[] {
  if (!table.isPartitioned) return [table.name];
  return [0, 1].map((n) => table.name.replace(/"?$/, (end) => `_${n}${end}`));
}

export function identitySql(table: RandomTable): string {
  const keys = table.keys.map(({ name }) => name).join(', ');
  const leaves = leavesOf(table);
  const each = (sql: (leaf: string, index: number) => string) => leaves.map(sql).join('; ');
  switch (table.identity) {
    case 'primary':
      return `alter table ${table.name} add primary key (${keys})`;
    case 'unique':
      return each(
        (leaf, n) =>
          `create unique index ident_${n}_${leaf.replaceAll(/\W/g, '')} on ${leaf} (${keys});
           alter table ${leaf} replica identity using index ident_${n}_${leaf.replaceAll(/\W/g, '')}`,
      );
    case 'full':
      return each((leaf) => `alter table ${leaf} replica identity full`);
    case 'fullWithKey':
      return `alter table ${table.name} add primary key (${keys});
        ${each((leaf) => `alter table ${leaf} replica identity full`)}`;
  }
}

/** Some rows to begin with. */
export function fillSql(table: RandomTable, count: number): string {
  return insertSql(
    table,
    [...table.keys, ...table.columns].map(({ values }) => values[0]!),
    count,
  );
}

function insertSql(table: RandomTable, values: readonly string[], count: number): string {
  const columns = [...table.keys, ...table.columns];
  const conflict = table.identity === 'full' ? '' : ' on conflict do nothing';
  return `insert into ${table.name} (${[...columns.map(({ name }) => name), 'mark'].join(', ')})
    select ${[...values.map((value, at) => `(${value})::${columns[at]?.sql}`), "'m' || i"].join(', ')}
    from generate_series(1, ${count}) i${conflict}`;
}

function writeArbitrary(tables: readonly RandomTable[]): fc.Arbitrary<string> {
  return fc.constantFrom(...tables).chain((table) => {
    const columns = [...table.keys, ...table.columns];
    const some = (count: number) =>
      `where ctid = any (array(select ctid from ${table.name} order by random() limit ${count}))`;
    // A ctid is unique within a leaf only; so be it: then some more rows are changed.
    const valuesOf = (chosen: readonly Column[]) =>
      fc.tuple(...chosen.map(({ values }) => fc.constantFrom(...values)));
    const insert = fc
      .tuple(valuesOf(columns), fc.integer({ min: 1, max: 12 }))
      .map(([values, count]) => insertSql(table, values, count));
    const update = fc
      .subarray([...table.columns], { minLength: 0 })
      .chain((chosen) => fc.tuple(fc.constant(chosen), valuesOf(chosen), fc.nat(9)))
      .map(([chosen, values, count]) => {
        const sets = [
          ...chosen.map(({ name, sql }, at) => `${name} = (${values[at]})::${sql}`),
          ...(chosen.length % 2 === 0 ? [`mark = ${count % 3 === 0 ? LONG : "'u'"}`] : []),
        ];
        if (sets.length === 0) sets.push("mark = mark || '.'");
        return `update ${table.name} set ${sets.join(', ')} ${some(count + 1)}`;
      });
    const updateKey = valuesOf(table.keys).map(
      (values) =>
        `update ${table.name} set ${table.keys
          .map(({ name, sql }, at) => `${name} = (${values[at]})::${sql}`)
          .join(', ')} ${some(2)}`,
    );
    const remove = fc.nat(4).map((count) => `delete from ${table.name} ${some(count + 1)}`);
    return fc.oneof(
      { weight: 5, arbitrary: insert },
      { weight: 6, arbitrary: update },
      { weight: 2, arbitrary: updateKey },
      { weight: 3, arbitrary: remove },
      { weight: 1, arbitrary: fc.constantFrom('savepoint s', 'rollback to savepoint s') },
      { weight: 1, arbitrary: fc.constant(`truncate ${table.name}`) },
    );
  });
}
