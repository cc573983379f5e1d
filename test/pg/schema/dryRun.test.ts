import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { renderArchive } from '../../../shared/pg/schema/archive.ts';
import { createTargetDatabase } from '../../../shared/pg/schema/database.ts';
import { tryRestore } from '../../../shared/pg/schema/dryRun.ts';
import { dumpSchema } from '../../../shared/pg/schema/dump.ts';
import { planSchema } from '../../../shared/pg/schema/planSchema.ts';
import { trapsRoles, trapsSchema } from '../../fixtures/trapsSchema.ts';
import { endpointOf, open } from './migrateSchema.ts';

let source: ThrowawayCluster;
let target: ThrowawayCluster;

beforeAll(async () => {
  [source, target] = await Promise.all([startThrowawayCluster(), startThrowawayCluster()]);
});
afterAll(async () => {
  await Promise.all([source?.stop(), target?.stop()]);
});

/** `spoilt`: tables whose statement the target would refuse. */
async function dryRun(
  database: string,
  { excluded = [], spoilt = [] }: { excluded?: string[]; spoilt?: string[] } = {},
) {
  const folder = await mkdtemp(path.join(tmpdir(), 'pgmove-dryrun-'));
  try {
    const archivePath = path.join(folder, 'dump');
    const endpoint = endpointOf(source, database);
    await dumpSchema(endpoint, { archivePath, applicationName: 'pgmove/test' });
    const archive = (await renderArchive(archivePath)).map((entry) =>
      entry.type === 'TABLE' && spoilt.includes(entry.name)
        ? { ...entry, sql: `select 'refused'::int` }
        : entry,
    );
    await using session = await open(endpoint);
    const { rows } = await session.query<{ oid: string }>(
      'select oid::text from pg_class where relname = any ($1)',
      [excluded],
    );
    const excludedTableOids = rows.map(({ oid }) => Number(oid));
    const plan = await planSchema(session, archive, { excludedTableOids });
    await using admin = await open(endpointOf(target, 'postgres'));
    await createTargetDatabase(admin, database, plan.database);
    await using scratch = await open(endpointOf(target, database));
    return (await tryRestore(scratch, plan, archive)).failures;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('a schema that would be restored has no findings', async () => {
  for (const cluster of [source, target]) await cluster.run(await trapsRoles());
  await source.createDatabase('traps');
  await source.run(await trapsSchema({ serverVersion: 150000 }), 'traps');
  expect((await dryRun('traps')).filter(({ isTolerated }) => !isTolerated)).toEqual([]);
});

test('each cause is named once, what hangs on it is not, and what is behind it is tried', async () => {
  await source.createDatabase('broken');
  await source.run(
    `create table a (id int primary key, c text);
     create index on a (c);
     create table b (id int references a);
     create view v as select c from a;
     create view w as select * from v;
     create table left_out (id int primary key references a);
     create table z (id int primary key);
     alter table z enable row level security;
     create policy p on z using (true)`,
    'broken',
  );
  const failures = await dryRun('broken', { excluded: ['left_out'], spoilt: ['a', 'z'] });
  const message = expect.stringContaining('invalid input syntax for type integer') as string;
  expect(failures).toEqual([
    { object: 'TABLE public.a', message, isTolerated: false },
    { object: 'TABLE public.z', message, isTolerated: false },
  ]);
});
