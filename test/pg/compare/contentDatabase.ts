/** A database with one table per way of holding rows and one value per way of being mistaken. */
export const CONTENT_SQL = String.raw`
create schema plain;
create schema "Odd ""Schema""";
create table "Odd ""Schema"""."Odd ""Table"".x" ("a ""b" int, "select" text);
insert into "Odd ""Schema"""."Odd ""Table"".x" values (1, 'x');
create table plain.keyed (id int primary key, t text, n numeric);
insert into plain.keyed select i, 'row ' || i, i * 1.5 from generate_series(1, 1000) i;
create table plain.pairs (a int, b int);
insert into plain.pairs values (1, 2), (3, 4);
create table plain.keyless (a int);
insert into plain.keyless values (1), (1), (1), (2);
create table plain.nothing ();
insert into plain.nothing default values;
create table plain.empty (a int);
create table plain.large (id int primary key, t text, filler text);
alter table plain.large alter filler set storage plain;
insert into plain.large select i, 'row ' || i, repeat('x', 7000) from generate_series(1, 500) i;
create table plain.parent (a int);
create table plain.child () inherits (plain.parent);
insert into plain.parent values (1), (2);
insert into plain.child values (3);
create table plain.tree (k int primary key, v int) partition by range (k);
create table plain.leaf_1 partition of plain.tree for values from (0) to (10);
create table plain.leaf_2 partition of plain.tree for values from (10) to (20);
insert into plain.tree select i, i from generate_series(0, 19) i;
create table plain.generated (a int, g int generated always as (a * 2) stored);
insert into plain.generated values (1), (2);
create type plain.mood as enum ('happy', 'sad', 'NULL');
create domain plain.word as varchar(20);
create domain plain.deep as plain.word;
create type plain.pair as (a float8, b text);
create type plain.span as range (subtype = float8);
create table plain.values (id int primary key, t text, f8 float8, f4 float4, n numeric, i8 bigint,
  span interval, tz timetz, j json, jb jsonb, arr int[], texts text[], d plain.deep, mood plain.mood,
  moods plain.mood[], pt plain.pair, r int4range, fr plain.span, b bytea, m money, rc regclass, o oid,
  p point, x xml, c1 "char", bits bit varying(8), fa float8[], ch char(5), na name, dt date, ts timestamptz);
insert into plain.values values
  (1, 'a', '-0', '-0', 1.00, 4294967296, '1 day', '10:00+00', '{"a":1,"a":2}', '{"a": 1.0}',
   '[0:1]={1,2}', '{NULL,b}', 'abc', 'happy', '{happy}', row('0.1', null), '[1,5)', '[0.1,0.7)', '\x0000',
   12.34, 'plain.keyed', 5, '(1,-0)', '<a/>', 'a', B'101', '{0.1,NaN,-0}', 'ab', 'n', 'infinity', '-infinity'),
  (2, '', 0.1 + 0.2::float8, 'infinity', 'NaN', -1, '-1 mon 3 days', null, null, null, null, null, null, null,
   null, row(null, 'x'), 'empty', null, '', null, null, null, null, null, null, null, '{}', '', '', '4713-01-01 BC', '2024-02-29 12:00:00.123456+02'),
  (3, null, 'NaN', 'NaN', null, null, null, null, null, null, null, null, null, null,
   null, row(null, null), null, null, null, null, null, null, null, null, null, null, null, null, null, null, null);
`;
