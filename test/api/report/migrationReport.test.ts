import { expect, test } from 'vitest';
import { LARGEST_TABLES } from '../../../shared/api/report/tables.ts';
import { migrationReportSchema } from '../../../shared/api/report/schema.ts';
import { PGMOVE_VERSION } from '../../../shared/api/version.ts';
import { migrationEvent } from '../../../shared/contracts/events.ts';
import { transitionDatabase, transitionMigration } from '../../../shared/contracts/transitions.ts';
import {
  ENDED,
  finishedDatabase,
  finishedTable,
  sampleRecord,
  sampleReport,
  STARTED,
} from './sampleReport.ts';

test('fits its schema, and has sums, rates and positions', async () => {
  const report = migrationReportSchema.strict().parse(await sampleReport());
  expect(report).toMatchObject({
    isFinal: true,
    pgmoveVersion: PGMOVE_VERSION,
    state: 'Succeeded',
    durationMs: 600_000,
    source: { version: '13.4', tlsMode: 'prefer' },
    target: { version: '17.1' },
    totals: { databases: 1, tables: 2, tablesFailed: 0, rows: 1_200, bytes: 6_000_000 },
    settings: { jobs: 8 },
  });
  const [database] = report.databases;
  expect(database).toMatchObject({
    copyMs: 3_000,
    indexMs: 500,
    // From the plan to the last table: two minutes.
    copy: { durationMs: 120_000, rowsPerSecond: 10, bytesPerSecond: 50_000 },
    snapshot: { lsn: '0/ABC0' },
    replication: { consistentPoint: '0/1000', appliedLsn: '0/DEF0', appliedChanges: 69 },
    cutover: { durationMs: 2_500, lsn: '0/DEF0', latencySeconds: 3, lagBytes: 4_096 },
    tablesLeftOut: 0,
  });
  expect(database?.tables[0]).toMatchObject({ rowsPerSecond: 400, bytesPerSecond: 2_000_000 });
  expect(report.warnings).toEqual([
    { databaseName: 'shop', message: 'The slot was near its limit.' },
  ]);
  expect(JSON.stringify(report)).not.toContain(sampleRecord().secretId);
});

test('of many tables it has the largest hundred and every one that failed, or all', async () => {
  const tables = Array.from({ length: 10_000 }, (_, index) =>
    finishedTable(String(index), {
      bytes: index,
      bytesTotal: index,
      ...(index % 50 === 0 ? { state: 'failed' as const, error: 'no' } : {}),
    }),
  );
  const { databases } = await sampleReport({ tables: () => tables });
  const listed = databases[0]?.tables ?? [];
  expect(listed.filter(({ state }) => state === 'failed')).toHaveLength(200);
  expect(listed.slice(0, 200).every(({ state }) => state === 'failed')).toBe(true);
  const others = listed.slice(200);
  expect(others).toHaveLength(LARGEST_TABLES);
  expect(others[0]?.bytes).toBe(9_999);
  expect(others.at(-1)?.bytes).toBeGreaterThanOrEqual(9_890);
  expect(databases[0]?.tablesLeftOut).toBe(9_800 - LARGEST_TABLES);
  expect(databases[0]?.copyMs).toBe(10_000 * 1_500);

  const all = await sampleReport({ tables: () => tables }, 'all');
  expect(all.databases[0]?.tables).toHaveLength(10_000);
  expect(all.databases[0]?.tablesLeftOut).toBe(0);
});

test('of a migration in progress it says so, and claims no end', async () => {
  const { endedOn: _none, ...rest } = sampleRecord();
  const record = sampleRecord({
    ...rest,
    endedOn: undefined,
    status: { state: 'InProgress', subState: 'MigratingData' },
  });
  const row = finishedDatabase(record.ref.id, { completedTables: 1, state: 'InProgress' });
  const report = await sampleReport({ record, databases: [row] });
  expect(report).toMatchObject({ isFinal: false, durationMs: 20 * 60_000 });
  expect(report).not.toHaveProperty('endedOn');
  expect(report.databases[0]?.copy).toEqual({ startedOn: '2026-03-01T00:01:00.000Z' });
});

test('the timeline has the states in their order, and what else happened only once', async () => {
  const record = sampleRecord();
  const { ref } = record;
  const { record: moving, events } = transitionMigration(
    { ...record, status: { state: 'InProgress', subState: 'PerformingPreRequisiteSteps' } },
    { state: 'InProgress', subState: 'MigratingData' },
    STARTED,
  );
  const failedRow = transitionDatabase(
    ref,
    { ...finishedDatabase(ref.id), state: 'InProgress' },
    'Failed',
    ENDED,
    {
      message: 'why',
    },
  );
  const failed = { state: 'Failed', subState: 'Completed', error: 'shop: why' } as const;
  const created = migrationEvent('MigrationCreated', ref, STARTED, {
    state: 'InProgress',
    subState: 'PerformingPreRequisiteSteps',
    migrationMode: 'Offline',
    migrationOption: 'Migrate',
    databases: ['shop'],
    databaseCount: 1,
  });
  const { timeline } = await sampleReport({
    record,
    events: [
      created,
      ...events,
      ...failedRow.events,
      ...transitionMigration(moving, failed, ENDED).events,
    ],
  });
  expect(timeline).toEqual([
    { time: STARTED, state: 'Created', subState: 'PerformingPreRequisiteSteps' },
    { time: STARTED, state: 'InProgress', subState: 'MigratingData' },
    { time: ENDED, databaseName: 'shop', state: 'Failed', message: 'why' },
    { time: ENDED, state: 'Failed', subState: 'Completed', message: 'shop: why' },
  ]);
});

test('decisions name what was allowed or switched off', async () => {
  const base = sampleRecord();
  const record = sampleRecord({
    wanted: { ...base.wanted, overwriteDbsInTarget: true },
    run: 2,
  });
  const { decisions } = await sampleReport({ record });
  expect(decisions.join('\n')).toMatch(/without a validation/);
  expect(decisions.join('\n')).toMatch(/overwriteDbsInTarget/);
  expect(decisions.join('\n')).toMatch(/resumed 2 times/);
  expect(decisions.join('\n')).toMatch(/not closed to others/);
});
