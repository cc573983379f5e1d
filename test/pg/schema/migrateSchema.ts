import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { clientBinaries } from '../../../shared/pg/clientBinaries.ts';
import { connect } from '../../../shared/pg/connect.ts';
import type { PgSession } from '../../../shared/pg/connect.ts';
import { createControlSchema, dropControlSchema } from '../../../shared/pg/copy/control.ts';
import type { PgEndpoint } from '../../../shared/pg/endpoint.ts';
import { analyze } from '../../../shared/pg/schema/analyze.ts';
import { renderArchive } from '../../../shared/pg/schema/archive.ts';
import { createTargetDatabase } from '../../../shared/pg/schema/database.ts';
import { copyDatabaseProperties } from '../../../shared/pg/schema/databaseProperties.ts';
import { dumpSchema } from '../../../shared/pg/schema/dump.ts';
import { restoreEventTriggers } from '../../../shared/pg/schema/eventTriggers.ts';
import { finishTable } from '../../../shared/pg/schema/indexes.ts';
import { copyLargeObjectMetadata } from '../../../shared/pg/schema/largeObjectMetadata.ts';
import { copyLargeObjects } from '../../../shared/pg/schema/largeObjects.ts';
import { refreshMaterializedViews } from '../../../shared/pg/schema/materializedViews.ts';
import type { NotCarried } from '../../../shared/pg/schema/notCarried.ts';
import { applyOwnership } from '../../../shared/pg/schema/ownership.ts';
import type { SchemaPlan } from '../../../shared/pg/schema/plan.ts';
import { planSchema } from '../../../shared/pg/schema/planSchema.ts';
import { restorePostData } from '../../../shared/pg/schema/postData.ts';
import { restorePreData } from '../../../shared/pg/schema/preData.ts';
import { applyPrivileges } from '../../../shared/pg/schema/privileges.ts';
import { copySequences } from '../../../shared/pg/schema/sequences.ts';
import { finishSmallTables } from '../../../shared/pg/schema/smallTables.ts';

export function endpointOf(
  cluster: ThrowawayCluster,
  database: string,
  user = 'postgres',
): PgEndpoint {
  return { host: '127.0.0.1', port: cluster.port, user, database, tls: { mode: 'disable' } };
}

export function open(endpoint: PgEndpoint): Promise<PgSession> {
  return connect(endpoint, { applicationName: 'pgmove/test/schema' });
}

export interface MigrateOptions {
  excludedTableOids?: readonly number[];
  /** Every step is run twice in a row: the second time must change nothing. */
  twice?: boolean;
  small?: boolean;
}

/** The steps of a migration in their order, without the rows. Gives what was not carried. */
export async function migrateSchema(
  source: PgEndpoint,
  target: PgEndpoint,
  options: MigrateOptions = {},
): Promise<{ plan: SchemaPlan; notCarried: NotCarried[] }> {
  const plan = await planOf(source, options.excludedTableOids);
  await using reader = await open(source);
  await reader.query('begin isolation level repeatable read');
  await using admin = await open({ ...target, database: 'postgres' });
  await createTargetDatabase(admin, target.database, plan.database);
  const notCarried = await runSteps(reader, target, plan, options);
  return { plan, notCarried };
}

/** Dumps and plans under one snapshot; the plan has been through JSON, as between activities. */
export async function planOf(
  source: PgEndpoint,
  excludedTableOids: readonly number[] = [],
): Promise<SchemaPlan> {
  await using reader = await open(source);
  const folder = await mkdtemp(path.join(tmpdir(), 'pgmove-schema-test-'));
  try {
    await reader.query('begin isolation level repeatable read');
    const { rows } = await reader.query<{ id: string }>('select pg_export_snapshot() as id');
    const archivePath = path.join(folder, 'schema.dump');
    await dumpSchema(source, {
      snapshot: rows[0]?.id ?? '',
      archivePath,
      applicationName: 'pgmove/test/dump',
    });
    const entries = await renderArchive(archivePath);
    const plan = await planSchema(reader, entries, { excludedTableOids });
    return JSON.parse(JSON.stringify(plan)) as SchemaPlan;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runSteps(
  reader: PgSession,
  target: PgEndpoint,
  plan: SchemaPlan,
  options: MigrateOptions,
): Promise<NotCarried[]> {
  const generation = 1;
  const works = Object.values(plan.indexWork);
  await using session = await open(target);
  await createControlSchema(session, { migrationId: 'test', database: target.database });
  const steps: (() => Promise<NotCarried[] | void>)[] = [
    () => restorePreData(session, plan, { generation }),
    async () => {
      if (options.small !== false) await finishSmallTables(session, works);
      else for (const work of works) await finishTable(session, work);
    },
    () => restorePostData(() => open(target), plan, { generation, jobs: 2 }),
    async () => {
      await copyLargeObjects(reader, session, { generation });
      await copySequences(reader, session, { excludedOids: plan.leftOutRelationOids });
    },
    () => refreshMaterializedViews(session, plan),
    () => analyze(() => open(target), { jobs: 2 }),
    () => applyOwnership(session, plan),
    () => applyPrivileges(session, plan),
    () => copyLargeObjectMetadata(reader, session),
    () => copyDatabaseProperties(session, target.database, plan.database),
    () => dropControlSchema(session),
    () => restoreEventTriggers(session, plan),
  ];
  const notCarried: NotCarried[] = [];
  for (const step of steps) {
    const result = await step();
    if (options.twice) await step();
    notCarried.push(...(result ?? []));
  }
  return notCarried;
}

/** What pg_dump says of a database, without what differs between any two dumps. */
export async function dumpText(
  cluster: ThrowawayCluster,
  database: string,
  args: readonly string[] = [],
): Promise<string> {
  const { folder } = await clientBinaries();
  const { stdout } = await promisify(execFile)(
    path.join(folder, 'pg_dump'),
    [
      '--schema-only',
      '--create',
      ...args,
      '-h',
      '127.0.0.1',
      '-p',
      String(cluster.port),
      '-U',
      'postgres',
      database,
    ],
    { maxBuffer: 256 * 1024 * 1024 },
  );
  return stdout
    .replaceAll(/^\\(un)?restrict .*\n/gm, '')
    .replaceAll(/^-- Dumped from database version .*\n/gm, '');
}
