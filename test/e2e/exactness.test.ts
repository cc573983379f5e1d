import { describe, expect, it } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { trapsRoles, trapsSchema } from '../fixtures/trapsSchema.ts';
import { dumpText } from './support/dumpText.ts';
import { differences, testMigration } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import type { TestStack } from './support/testStack.ts';

let source: ThrowawayCluster;
let target: ThrowawayCluster;
let stack: TestStack;

/** Source and target users with the rights that the documents ask for, and no more. */
const USERS = `
create role mover login nosuperuser createdb createrole;
`;

useTestSite(async (site) => {
  ({ source, target, stack } = site);
  await Promise.all(
    [source, target].map(async (server) => {
      await server.run(await trapsRoles());
      await server.run(USERS);
    }),
  );
});

describe('a schema that is full of traps', () => {
  it('arrives so that dumps and contents of both sides are equal', async () => {
    await source.createDatabase('traps');
    await source.run(await trapsSchema({ serverVersion: 150000 }), 'traps');
    const migration = testMigration({
      stack,
      source,
      target,
      databases: ['traps'],
      properties: { verify: 'hash' },
    });
    await migration.put();
    const { currentStatus } = (await migration.ended()).properties;
    expect(currentStatus).toMatchObject({ state: 'Succeeded' });
    expect(await dumpText(target, 'traps')).toBe(await dumpText(source, 'traps'));
    expect(await differences(source, target, 'traps')).toEqual([]);
  });
});

describe('users without superuser on either side', () => {
  it('migrate a database that the source user owns', async () => {
    await source.run('create database owned owner mover');
    await source.run('set role mover; ' + OWNED_SQL, 'owned');
    const migration = testMigration({
      stack,
      source,
      target,
      databases: ['owned'],
      users: { source: 'mover', target: 'mover' },
      properties: { migrationOption: 'ValidateAndMigrate', verify: 'hash' },
    });
    await migration.put();
    const { currentStatus } = (await migration.ended()).properties;
    expect(currentStatus).toMatchObject({ state: 'Succeeded' });
    expect(await differences(source, target, 'owned')).toEqual([]);
    expect(await dumpText(target, 'owned')).toBe(await dumpText(source, 'owned'));
  });

  it('fail in the validation when the source user may not read a table, which is named', async () => {
    await source.run('create database secretive owner mover');
    await source.run('create table hidden (id int); insert into hidden values (1)', 'secretive');
    const migration = testMigration({
      stack,
      source,
      target,
      databases: ['secretive'],
      users: { source: 'mover', target: 'mover' },
      properties: { migrationOption: 'ValidateAndMigrate' },
    });
    await migration.put();
    const ended = await migration.ended();
    expect(ended.properties.currentStatus.state).toBe('ValidationFailed');
    expect(JSON.stringify(ended)).toContain('public.hidden');
  });

  it('copy rows that row security hides from nobody, or fail by the name of the table', async () => {
    await source.run('create database guarded owner mover');
    await source.run(
      `create table guarded (id int primary key, who text);
       insert into guarded values (1, 'mover'), (2, 'somebody');
       alter table guarded enable row level security;
       create policy own on guarded using (who = current_user);
       grant select on guarded to mover;`,
      'guarded',
    );
    const migration = testMigration({
      stack,
      source,
      target,
      databases: ['guarded'],
      users: { source: 'mover', target: 'mover' },
    });
    await migration.put();
    const { currentStatus } = (await migration.ended()).properties;
    expect(currentStatus.state).toBe('Failed');
    expect(currentStatus.error).toContain('guarded');
  });
});

const OWNED_SQL = `
create schema app;
create type app.level as enum ('low', 'high');
create table app.parent (id bigserial primary key, name text not null unique, level app.level);
create table app.child (id int generated always as identity primary key,
  parent_id bigint not null references app.parent on delete cascade, payload jsonb, data bytea);
create index on app.child using gin (payload);
create table app.events (at date not null, note text) partition by range (at);
create table app.events_2024 partition of app.events for values from ('2024-01-01') to ('2025-01-01');
create table app.events_rest partition of app.events default;
create function app.touch() returns trigger language plpgsql as
  $$ begin new.payload := coalesce(new.payload, '{}'); return new; end $$;
create trigger touch before insert on app.child for each row execute function app.touch();
create view app.names as select name from app.parent;
grant usage on schema app to trap_reader;
grant select on app.parent to trap_reader;
insert into app.parent (name, level) select 'p' || i, 'low' from generate_series(1, 100) i;
insert into app.child (parent_id, payload, data)
  select 1 + i % 100, jsonb_build_object('n', i), decode(md5(i::text), 'hex') from generate_series(1, 1000) i;
insert into app.events select '2024-01-01'::date + i, 'e' from generate_series(1, 500) i;
select lo_from_bytea(0, 'abc');
comment on table app.parent is 'parents';
`;
