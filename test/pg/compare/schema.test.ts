import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { parseConnectionUri } from '../../../shared/pg/connectionUri.ts';
import {
  compareDatabases,
  PRIVILEGE_SECTIONS,
} from '../../../shared/pg/compare/compareDatabases.ts';
import type { CompareOptions, Comparison } from '../../../shared/pg/compare/compareDatabases.ts';
import { canonicalDefinition } from '../../../shared/pg/compare/canonicalDefinition.ts';
import { SCHEMA_SQL } from './schemaDatabase.ts';

let cluster: ThrowawayCluster;
let copies = 0;

beforeAll(async () => {
  cluster = await startThrowawayCluster({
    settings: { fsync: 'off', allow_system_table_mods: 'on' },
  });
  await cluster.run('create role pgmove_reader');
  for (const name of ['model', 'source']) {
    await cluster.createDatabase(name);
    await cluster.run(SCHEMA_SQL, name);
  }
});

afterAll(() => cluster.stop());

async function compareChanged(sql: string, options: CompareOptions = {}): Promise<Comparison> {
  const target = `target_${(copies += 1)}`;
  await cluster.run(`create database ${target} template model`);
  if (sql !== '') await cluster.run(sql.replaceAll('DATABASE', target), target);
  try {
    return await compareDatabases(
      await parseConnectionUri(cluster.uri('source')),
      await parseConnectionUri(cluster.uri(target)),
      options,
    );
  } finally {
    await cluster.run(`drop database ${target} with (force)`);
  }
}

function found(comparison: Comparison): string[] {
  return comparison.sections.flatMap(({ name, differences }) =>
    differences.map(({ object, detail }) => `${name}: ${object}: ${detail}`),
  );
}

test('two databases that were made alike are equal, and every section saw something', async () => {
  const comparison = await compareChanged('');
  expect(found(comparison)).toEqual([]);
  expect(comparison.equal).toBe(true);
  const empty = comparison.sections.filter((section) => section.sourceCount === 0);
  expect(empty.map((section) => section.name)).toEqual(['conversions', 'languages']);
});

// What is changed on the target, and what has to be reported: parts of one line.
const CASES: [string, string, ...string[]][] = [
  ['a schema missing', 'drop schema other', 'schemas: other: missing'],
  ['a schema more', 'create schema more', 'schemas: more: only on the target'],
  ['a table missing', 'drop table app.child', 'tables: app.child: missing'],
  ['an unlogged table', 'alter table app.child set unlogged', 'tables: app.child: persistence'],
  [
    'storage options',
    'alter table app.child set (fillfactor = 50)',
    'tables: app.child: storage options',
  ],
  [
    'inheritance ended',
    'alter table app.child no inherit app.parent',
    'tables: app.child: parents',
  ],
  [
    'a partition detached',
    'alter table app.tree detach partition app.leaf_2',
    'tables: app.leaf_2',
  ],
  [
    'a type changed',
    'alter table app.customer alter born type timestamp',
    'columns: app.customer.born: type: date on the source',
  ],
  [
    'a length changed',
    'alter table app.purchase add c int; alter table app.purchase drop c; alter table app.customer alter points type numeric(11, 2)',
    'columns: app.customer.points: type: numeric(10,2)',
  ],
  [
    'a default missing',
    'alter table app.customer alter points drop default',
    'columns: app.customer.points: default: 0 on the source, none',
  ],
  [
    'NOT NULL missing',
    'alter table app.customer alter name drop not null',
    'columns: app.customer.name: not null',
  ],
  [
    'an identity changed',
    'alter table app.customer alter id set generated always',
    'columns: app.customer.id: identity',
  ],
  [
    'a storage changed',
    'alter table app.customer alter note set storage main',
    'columns: app.customer.note: storage',
  ],
  [
    'a compression changed',
    'alter table app.customer alter note set compression pglz',
    'columns: app.customer.note: compression',
  ],
  [
    'a statistics target',
    'alter table app.customer alter name set statistics 10',
    'columns: app.customer.name: statistics target',
  ],
  ['an index missing', 'drop index app.purchase_partial', 'indexes: app.purchase_partial: missing'],
  [
    'an index with another condition',
    'drop index app.purchase_partial; create index purchase_partial on app.purchase (customer) where amount > 6',
    'indexes: app.purchase_partial: definition',
  ],
  [
    'an index invalid',
    "update pg_index set indisvalid = false where indexrelid = 'app.purchase_partial'::regclass",
    'indexes: app.purchase_partial: valid',
  ],
  [
    'an index not clustered',
    'alter table app.purchase set without cluster',
    'indexes: app.purchase_pkey: clustered',
  ],
  [
    'a replica identity',
    'alter table app.customer replica identity full',
    'tables: app.customer: replica identity',
  ],
  [
    'a constraint missing',
    'alter table app.customer drop constraint checked',
    'constraints: checked on app.customer: missing',
  ],
  [
    'a constraint not validated',
    'alter table app.purchase drop constraint belongs; alter table app.purchase add constraint belongs foreign key (customer) references app.customer deferrable not valid',
    'constraints: belongs on app.purchase: validated: true on the source, false',
  ],
  [
    'a constraint not deferrable',
    'alter table app.purchase alter constraint belongs not deferrable',
    'constraints: belongs on app.purchase',
    'deferrable',
  ],
  [
    'a check with another list',
    "alter table app.customer drop constraint customer_status_check; alter table app.customer add constraint customer_status_check check (status in ('new', 'odd', 'old'))",
    'constraints: customer_status_check',
  ],
  [
    'a sequence behind',
    "select setval('app.counter', 1, true)",
    'sequences: app.counter: last value: 5 on the source, 1',
  ],
  [
    'a sequence not called',
    "select setval('app.counter', 5, false)",
    'sequences: app.counter: is called',
  ],
  [
    'a sequence with another increment',
    'alter sequence app.counter increment 3',
    'sequences: app.counter: increment',
  ],
  [
    'a sequence not owned',
    'alter sequence app.purchase_id_seq owned by none',
    'sequences: app.purchase_id_seq: owned by',
  ],
  [
    'a view changed',
    'create or replace view app.busy as select c.name, c.status from app.customer c where c.id > 4',
    'views: app.busy: definition',
  ],
  ['a view option', 'alter view app.busy set (security_barrier)', 'views: app.busy: options'],
  [
    'a materialized view without rows',
    'refresh materialized view app.summary with no data',
    'materialized views: app.summary: populated',
  ],
  [
    'a function changed',
    "create or replace function app.twice(i int, by int default 2) returns int language sql immutable as 'select i * by * 1'",
    'functions: app.twice(i integer, by integer): source',
  ],
  [
    'a function default',
    "create or replace function app.twice(i int, by int default 3) returns int language sql immutable as 'select i * by'",
    'functions: app.twice',
    'arguments',
  ],
  [
    'a function volatile',
    'alter function app.twice(int, int) volatile',
    'functions: app.twice',
    'volatility',
  ],
  [
    'a function setting',
    "alter function app.touch() set work_mem = '1MB'",
    'functions: app.touch(): settings',
  ],
  [
    'an aggregate',
    "create or replace aggregate app.total(int) (sfunc = int4pl, stype = int, initcond = '1')",
    'aggregates: app.total(integer): initial value',
  ],
  [
    'an operator missing',
    'drop operator app.=== (int, text)',
    'operators: app.===(integer,text): missing',
  ],
  ['a cast missing', 'drop cast (app.pair as text)', 'casts: app.pair as text: missing'],
  [
    'an enum label',
    "alter type app.mood add value 'meh'",
    'types: app.mood: labels: only on the target: meh',
  ],
  [
    'the order of enum labels',
    "alter type app.mood rename value 'happy' to 'x'; alter type app.mood rename value 'sad' to 'happy'; alter type app.mood rename value 'x' to 'sad'",
    'types: app.mood: labels',
  ],
  [
    'a domain check',
    'alter domain app.positive drop constraint positive_check',
    'types: app.positive: constraints',
  ],
  ['a domain default', 'alter domain app.positive set default 2', 'types: app.positive: default'],
  [
    'a composite attribute',
    'alter type app.pair add attribute c int',
    'types: app.pair: attributes: only on the target: c integer',
  ],
  [
    'a range type missing',
    'drop type app.span cascade; alter table app.purchase add during float8',
    'types: app.span: missing',
  ],
  [
    'a trigger disabled',
    'alter table app.customer disable trigger touched',
    'triggers: touched on app.customer: enabled',
  ],
  [
    'a trigger missing',
    'drop trigger touched on app.customer',
    'triggers: touched on app.customer: missing',
  ],
  [
    'constraint triggers disabled',
    'alter table app.purchase disable trigger all',
    'tables: app.purchase: disabled constraint triggers',
  ],
  ['a rule missing', 'drop rule quiet on app.parent', 'rules: quiet on app.parent: missing'],
  [
    'row security off',
    'alter table app.customer disable row level security',
    'row security: app.customer: missing',
  ],
  [
    'a policy changed',
    'alter policy mine on app.customer using (true)',
    'row security: mine on app.customer: using',
  ],
  [
    'a policy for another role',
    'alter policy mine on app.customer to pgmove_reader',
    'row security: mine on app.customer: roles',
  ],
  [
    'extended statistics missing',
    'drop statistics app.stats',
    'extended statistics: app.stats: missing',
  ],
  [
    'a table not published',
    'alter publication feed drop table app.purchase',
    'publications: feed: tables: missing on the target: app.purchase',
  ],
  [
    'an event trigger disabled',
    'alter event trigger watcher disable',
    'event triggers: watcher: enabled',
  ],
  ['an extension missing', 'drop extension plpgsql cascade', 'extensions: plpgsql: missing'],
  [
    'a dictionary',
    'alter text search dictionary app.dict (stopwords)',
    'text search: dictionary app.dict: options',
  ],
  [
    'a mapping',
    'alter text search configuration app.conf alter mapping for word with app.dict',
    'text search: configuration app.conf: mappings',
  ],
  ['a collation missing', 'drop collation app.german', 'collations: app.german: missing'],
  [
    'a server option',
    "alter server remote options (set host 'g')",
    'foreign servers: server remote: options',
  ],
  [
    'a foreign table option',
    "alter foreign table app.far options (set t 'y')",
    'tables: app.far: foreign options',
  ],
  [
    'a comment missing',
    'comment on table app.customer is null',
    'comments: table app.customer: missing',
  ],
  [
    'a comment of a column',
    "comment on column app.customer.name is 'x'",
    'comments: table column app.customer.name: comment',
  ],
  [
    'a comment of the database',
    "comment on database DATABASE is 'x'",
    'comments: database: only on the target',
  ],
  [
    'an owner',
    'alter table app.parent owner to postgres',
    'ownership: relation app.parent: owner: pgmove_reader on the source',
  ],
  [
    'a grant missing',
    'revoke insert on app.customer from pgmove_reader',
    'privileges: relation app.customer: grants: missing on the target: pgmove_reader INSERT',
  ],
  [
    'a grant of a column',
    'revoke grant option for update (name) on app.customer from pgmove_reader',
    'privileges: column app.customer.name: grants',
  ],
  [
    'a right of everybody',
    'grant execute on function app.twice(int, int) to public',
    'privileges: function app.twice',
    'public EXECUTE',
  ],
  [
    'a right of the owner',
    'revoke delete on app.purchase from postgres',
    'privileges: relation app.purchase: grants: missing on the target: owner DELETE',
  ],
  [
    'a grant of a schema',
    'revoke usage on schema app from pgmove_reader',
    'privileges: schema app: grants',
  ],
  [
    'a grant of the database',
    'revoke connect on database DATABASE from public',
    'privileges: database : grants',
    'public CONNECT',
  ],
  [
    'default privileges',
    'alter default privileges in schema app revoke select on tables from pgmove_reader',
    'default privileges: r for postgres in app: missing',
  ],
  [
    'a connection limit',
    'alter database DATABASE connection limit 7',
    'database settings: database: connection limit',
  ],
  [
    'a database setting',
    "alter database DATABASE set work_mem = '5MB'",
    'database settings: work_mem: only on the target',
  ],
  [
    'a setting of a role in the database',
    "alter role pgmove_reader in database DATABASE set work_mem = '5MB'",
    'database settings: work_mem of pgmove_reader: only on the target',
  ],
  ['a large object missing', 'select lo_unlink(70001)', 'large objects: 70001: missing'],
  [
    'a byte of a large object',
    String.raw`select lo_put(70001, 1, '\x03')`,
    'large objects: 70001: content',
  ],
  [
    'a late byte of a large object',
    String.raw`select lo_put(70002, 2999999, '\x03')`,
    'large objects: 70002: content',
  ],
  [
    'a large object cut',
    'select lo_truncate(lo_open(70001, 393216), 1)',
    'large objects: 70001: size: 2 on the source, 1',
  ],
  [
    'a large object granted',
    'grant select on large object 70001 to pgmove_reader',
    'privileges: large object 70001: grants',
  ],
];

describe('T80: a difference is found:', () => {
  test.each(CASES)('%s', async (_what, sql, ...parts) => {
    const comparison = await compareChanged(sql, { mode: 'counts' });
    expect(comparison.equal).toBe(false);
    const lines = found(comparison);
    const isReported = lines.some((line) => parts.every((part) => line.includes(part)));
    expect(isReported ? parts : lines).toEqual(parts);
  });
});

test('content of large objects is not read in the mode schema', async () => {
  const comparison = await compareChanged(
    String.raw`select lo_put(70001, 1, '\x03'); delete from app.purchase`,
    {
      mode: 'schema',
    },
  );
  expect(found(comparison)).toEqual([]);
  expect(comparison.tables).toEqual([]);
});

test('privileges can be left out', async () => {
  const comparison = await compareChanged('revoke insert on app.customer from pgmove_reader', {
    ignoreSections: PRIVILEGE_SECTIONS,
  });
  expect(comparison.equal).toBe(true);
});

test('the schema pgmove does not count', async () => {
  const comparison = await compareChanged(
    "create schema pgmove; create table pgmove.copies (a serial primary key); comment on table pgmove.copies is 'x'; comment on schema pgmove is 'x'",
  );
  expect(found(comparison)).toEqual([]);
  expect(comparison.equal).toBe(true);
});

test('a filter keeps to its tables', async () => {
  const comparison = await compareChanged(
    'alter table app.child add c int; drop index app.purchase_partial',
    { include: ['app.customer'] },
  );
  expect(comparison.equal).toBe(true);
});

test('a user without rights over large objects gets the reason', async () => {
  await cluster.run('alter role pgmove_reader login');
  const comparison = await compareDatabases(
    await parseConnectionUri(cluster.uri('source', 'pgmove_reader')),
    await parseConnectionUri(cluster.uri('model')),
  );
  expect(found(comparison).find((line) => line.startsWith('large objects'))).toContain(
    'could not be read on the source: permission denied',
  );
});

test('a definition that only changed its form is the same', () => {
  const before =
    "CHECK (((status)::text = ANY ((ARRAY['new'::character varying, 'o''(ld'::character varying])::text[])))";
  const after =
    "CHECK (((status)::text = ANY (ARRAY[('new'::character varying)::text, ('o''(ld'::character varying)::text])))";
  expect(canonicalDefinition(before, false)).toBe(canonicalDefinition(after, false));
  const other = after.replace('new', 'now');
  expect(canonicalDefinition(before, false)).not.toBe(canonicalDefinition(other, false));
  const old = ' SELECT c.name,\n    c."Odd" FROM app.customer c WHERE (c.id > 3);';
  const recent = ' SELECT name,\n    "Odd" FROM app.customer c WHERE (id > 3);';
  expect(canonicalDefinition(old, true)).toBe(canonicalDefinition(recent, true));
  expect(canonicalDefinition(old, false)).not.toBe(canonicalDefinition(recent, false));
});
