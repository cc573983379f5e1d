import { afterAll, beforeAll, expect, test } from 'vitest';
import { startThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { connect } from '../../../shared/pg/connect.ts';
import { parseConnectionUri } from '../../../shared/pg/connectionUri.ts';
import { createControlSchema } from '../../../shared/pg/copy/control.ts';
import { firingObjects, switchOff, switchOn } from '../../../shared/pg/schema/firingObjects.ts';

let cluster: ThrowawayCluster;

beforeAll(async () => {
  cluster = await startThrowawayCluster();
});
afterAll(() => cluster.stop());

const SQL = `
create table t (id int primary key, v int);
create table child (id int primary key, t int references t);
create function note() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger plain before insert on t for each row execute function note();
create trigger always before insert on t for each row execute function note();
create trigger replica before insert on t for each row execute function note();
create trigger off before insert on t for each row execute function note();
alter table t enable always trigger always;
alter table t enable replica trigger replica;
alter table t disable trigger off;
create rule keep as on delete to child do instead nothing;
`;

const STATES = `
select tgname::text as name, tgenabled::text as state from pg_trigger where not tgisinternal
union all select rulename, ev_enabled::text from pg_rewrite where rulename = 'keep' order by 1`;

async function openDatabase(name: string) {
  await cluster.createDatabase(name);
  await cluster.run(SQL, name);
  const session = await connect(await parseConnectionUri(cluster.uri(name)), {
    applicationName: 'pgmove/test',
  });
  await createControlSchema(session, { migrationId: 'm', database: name });
  return session;
}

test('T46, T47: what would act on applied rows is switched off, and on again as it was', async () => {
  await using session = await openDatabase('firing_replica');
  const before = (await session.query(STATES)).rows;
  expect((await firingObjects(session, true)).map(({ name }) => name)).toEqual([
    'always',
    'replica',
  ]);
  await switchOff(session, true);
  // A second failure finds nothing more, and forgets nothing.
  await switchOff(session, true);
  expect(await firingObjects(session, true)).toEqual([]);
  await switchOn(session);
  await switchOn(session);
  expect((await session.query(STATES)).rows).toEqual(before);
});

test('T47: without the replica role foreign keys go too, and plain triggers and rules stand still', async () => {
  await using session = await openDatabase('firing_origin');
  const before = (await session.query(STATES)).rows;
  await switchOff(session, false);
  expect(await firingObjects(session, false)).toEqual([]);
  await session.query('insert into public.child values (1, 42)');
  await session.query('delete from public.child');
  expect((await session.query('select from public.child')).rowCount).toBe(0);
  await switchOn(session);
  expect((await session.query(STATES)).rows).toEqual(before);
});
