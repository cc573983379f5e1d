/*
 * The tables of the random protocol test: one for each way in which copy and stream can miss each
 * other. Bare on both sides; keys, constraints and rows on the source only.
 */

export const BARE_SQL = `
create table t1 (id int not null, v int, s text);
create table t2 (id int not null, u int, s text);
create table t3 (id int not null, p int, v int);
create table t4 (id int not null, k int not null, v int) partition by list (k);
create table t4_0 partition of t4 for values in (0);
create table t4_1 partition of t4 for values in (1);
create table t4_2 partition of t4 for values in (2);
create table t5 (a int, b text, big text);
create table t6 (id int not null, big text, n bigint, big2 text);
create table t7 (id text not null, v int);
create table t8 (id int not null, pos int, v int);
create table t9 (id int not null, v int);
create table t10 (id int not null, p int, v int);
create table t11 (id int not null, v int, pad text);
create table acc_a (id int not null, bal int);
create table acc_b (id int not null, bal int);
alter table t6 alter big set storage external, alter big2 set storage external;
alter table t5 alter big set storage external;`;

/** t11 is copied in parts: its rows are small and many, and updates move them from part to part. */
export const SOURCE_SQL = `
alter table t1 add primary key (id);
alter table t2 add primary key (id); create unique index t2_u on t2 (u);
alter table t3 add primary key (id); alter table t3 add foreign key (p) references t1 on delete cascade;
create index t3_p on t3 (p);
alter table t4 add primary key (id, k);
alter table t5 replica identity full; create index t5_a on t5 (a);
alter table t6 add primary key (id);
alter table t7 add primary key (id);
alter table t8 add primary key (id); alter table t8 add constraint t8_pos unique (pos) deferrable initially deferred;
alter table t9 add primary key (id);
alter table t10 add primary key (id); alter table t10 add foreign key (p) references t9;
alter table t11 add primary key (id);
alter table acc_a add primary key (id); alter table acc_b add primary key (id);
insert into t1 select i, i, 's' || i from generate_series(1, 200) i;
insert into t2 select i, i, 's' from generate_series(1, 100) i;
insert into t3 select i, 1 + i % 200, 0 from generate_series(1, 200) i;
insert into t4 select i, i % 3, 0 from generate_series(1, 150) i;
insert into t5 select i % 10, case when i % 4 = 0 then null else 'b' || i % 3 end,
  case when i % 5 = 0 then repeat('x', 3000) end from generate_series(1, 120) i;
insert into t6 select i, repeat(md5(i::text), 100), 0, repeat('z', 3000) from generate_series(1, 100) i;
insert into t7 select 'k' || i, i from generate_series(1, 100) i;
insert into t8 select i, i, 0 from generate_series(1, 60) i;
insert into t9 select i, i from generate_series(1, 50) i;
insert into t10 select i, i, i from generate_series(1, 50) i;
insert into t11 select i, i, repeat('p', 150) from generate_series(1, 4000) i;
insert into acc_a select i, 1000 from generate_series(1, 20) i;
insert into acc_b select i, 1000 from generate_series(1, 20) i;
analyze`;

/** What acc_a and acc_b together hold, after every transaction. */
export const BANK_TOTAL = 40_000;
