import { expect, test } from 'vitest';
import type { DatabaseStatus, MigrationResource } from '../../../shared/api/resource.ts';
import { toResource } from '../../../shared/api/projection.ts';
import type { DatabaseRecord, MigrationRecord } from '../../../shared/contracts/records.ts';
import {
  allowedActions,
  cancelable,
  readyForCutover,
  wantedAction,
} from '../../../web/pages/details/allowedActions.ts';
import { eventTextOf } from '../../../web/pages/details/eventText.ts';
import { totalsOf, viewOf } from '../../../web/pages/details/migrationView.ts';
import type { MigrationView } from '../../../web/pages/details/migrationView.ts';
import { addSamples, joinSamples, ratesOf, toSamples } from '../../../web/pages/details/samples.ts';
import { timelineOf } from '../../../web/pages/details/timeline.ts';
import { sampleDatabase, sampleMigration } from '../../state/fixtures.ts';

function resource(
  status: MigrationRecord['status'],
  change: Partial<Omit<MigrationRecord, 'spec'>> & { spec?: Partial<MigrationRecord['spec']> } = {},
  databases: Partial<DatabaseRecord>[] = [],
): MigrationResource {
  const base = sampleMigration();
  const record = { ...base, ...change, spec: { ...base.spec, ...change.spec }, status };
  return toResource(
    record,
    databases.map((database) => sampleDatabase(record.ref.id, database)),
  );
}

function view(...args: Parameters<typeof resource>): MigrationView {
  return viewOf(resource(...args));
}

const ONLINE = { spec: { mode: 'Online', option: 'ValidateAndMigrate' } } as const;
const AT_GATE = { state: 'WaitingForUserAction', subState: 'WaitingForCutoverTrigger' } as const;
const waiting = (database: string): Partial<DatabaseRecord> => ({
  database,
  state: 'WaitingForCutoverTrigger',
});

test('each state allows its own actions and no other', () => {
  expect(allowedActions(view({ state: 'InProgress', subState: 'MigratingData' }))).toEqual([
    'cancel',
  ]);
  expect(allowedActions(view({ state: 'Succeeded', subState: 'Completed' }))).toEqual(['remove']);
  const failed = view({ state: 'Failed', subState: 'Completed', error: 'x' });
  expect(allowedActions(failed)).toEqual(['resume', 'remove']);
  expect(wantedAction(failed)).toBe('resume');
  const gate = view({
    state: 'WaitingForUserAction',
    subState: 'WaitingForTargetDBOverwriteConfirmation',
  });
  expect(allowedActions(gate)).toEqual(['confirmOverwrite', 'cancel']);
  expect(allowedActions(view(AT_GATE, ONLINE, [waiting('shop')]))).toEqual(['cutover', 'cancel']);
});

test('a set-up that was asked for is not asked for again: a restart is what is missing', () => {
  const status = {
    state: 'WaitingForUserAction',
    subState: 'WaitingForLogicalReplicationSetupRequestOnSourceDB',
  } as const;
  expect(wantedAction(view(status, ONLINE))).toBe('setUpReplication');
  const wanted = { ...sampleMigration().wanted, setupLogicalReplication: true };
  expect(wantedAction(view(status, { ...ONLINE, wanted }))).toBeUndefined();
});

test('a cancel is offered for the databases that have not ended', () => {
  const states = ['InProgress', 'Succeeded', 'Failed', 'Canceled', 'Canceling'] as const;
  const databases = states.map((state) => ({ database: state, state }));
  const running = view(AT_GATE, ONLINE, [waiting('shop'), ...databases]);
  expect(cancelable(running).map(({ databaseName }) => databaseName)).toEqual([
    'InProgress',
    'shop',
  ]);
});

test('a cancel is asked for once', () => {
  const wanted = { ...sampleMigration().wanted, cancel: true };
  const status = { state: 'InProgress', subState: 'MigratingData' } as const;
  expect(allowedActions(view(status, { wanted }))).toEqual([]);
});

test('a database is ready for its cutover until one is asked for, and again when that failed', () => {
  const { wanted } = sampleMigration();
  const asked = { ...wanted, triggerCutover: true, cutoverDatabases: ['shop'] };
  const names = (databases: Partial<DatabaseRecord>[]) =>
    readyForCutover(view(AT_GATE, { ...ONLINE, wanted: asked }, databases)).map(
      ({ databaseName }) => databaseName,
    );
  expect(names([waiting('shop'), waiting('crm'), { database: 'old', state: 'Succeeded' }])).toEqual(
    ['crm'],
  );
  const cutover = {
    requestedOn: '2026-01-01T00:00:00Z',
    fenced: false,
    failure: 'It took too long.',
  };
  expect(names([{ ...waiting('shop'), cutover }])).toEqual(['shop']);
});

test('an offline migration is never cut over', () => {
  expect(readyForCutover(view(AT_GATE, {}, [waiting('shop')]))).toEqual([]);
});

function steps(...args: Parameters<typeof resource>): string[] {
  return timelineOf(view(...args)).map(({ id, state }) => `${id} ${state}`);
}

test('the timeline has the steps of the kind of migration', () => {
  expect(steps({ state: 'InProgress', subState: 'MigratingData' })).toEqual([
    'prerequisites done',
    'copy current',
    'completion todo',
  ]);
  expect(steps(AT_GATE, ONLINE, [waiting('shop')])).toEqual([
    'prerequisites done',
    'validation done',
    'copy done',
    'cutover waiting',
    'completion todo',
  ]);
  const validate = { spec: { option: 'Validate' } } as const;
  expect(steps({ state: 'Succeeded', subState: 'Completed' }, validate)).toEqual([
    'prerequisites done',
    'validation done',
  ]);
});

test('the timeline of what has ended says where it ended', () => {
  const failed = { state: 'Failed', subState: 'Completed', error: 'x' } as const;
  expect(steps(failed)).toContain('prerequisites failed');
  expect(steps(failed, {}, [{ state: 'Failed' }])).toContain('copy failed');
  const cutover = { requestedOn: '2026-01-01T00:00:00Z', fenced: true };
  expect(steps(failed, ONLINE, [{ state: 'Failed', cutover }])).toContain('cutover failed');
  const invalid = { state: 'ValidationFailed', subState: 'Completed', error: 'x' } as const;
  expect(steps(invalid, ONLINE)).toContain('validation failed');
  expect(steps({ state: 'Canceled', subState: 'Completed' }, {}, [{}])).toContain('copy canceled');
});

test('the totals are sums, and the latency is that of the database furthest behind', () => {
  const stream = { lagBytes: 10 } as DatabaseStatus['stream'];
  const databases = view({ state: 'InProgress', subState: 'MigratingData' }, ONLINE, [
    { database: 'a', rowsCopied: 5, tablesTotal: 2, completedTables: 1 },
    { database: 'b', rowsCopied: 7, tablesTotal: 3, erroredTables: 1, state: 'Succeeded' },
  ]).databases;
  expect(totalsOf(databases)).toMatchObject({
    databases: 2,
    databasesDone: 1,
    tables: 5,
    tablesDone: 1,
    tablesFailed: 1,
    rows: 12,
  });
  expect(totalsOf(databases).latency).toBeUndefined();
  const streamed = databases.map((item, index) => ({ ...item, latency: index * 30, stream }));
  expect(totalsOf(streamed)).toMatchObject({ latency: 30, lagBytes: 20 });
});

test('rates are growth over time; a copy that begins anew makes none', () => {
  const samples = [
    { time: 0, rows: 0 },
    { time: 2, rows: 100 },
    { time: 4, rows: 20 },
    { time: 6 },
  ];
  expect(ratesOf(samples, ({ rows }) => rows)).toEqual([null, 50, 0, null]);
});

test('samples are collected for each database and do not grow without end', () => {
  const migration = resource({ state: 'InProgress', subState: 'MigratingData' }, {}, [
    { rowsCopied: 3 },
  ]);
  let samples = addSamples(new Map(), migration, 1);
  for (let time = 2; time < 3_000; time += 1) samples = addSamples(samples, migration, time);
  const [first] = samples.get('shop') ?? [];
  expect(samples.get('shop')).toHaveLength(1_800);
  expect(first).toEqual({ time: 1_200, rows: 3, bytes: 0, appliedChanges: 0 });
});

test("the page's own samples follow those of the service", () => {
  const history = toSamples({
    value: [{ time: '1970-01-01T00:00:10Z', rows: 1, latencySeconds: 4 }],
  });
  expect(history).toEqual([{ time: 10, rows: 1, lagSeconds: 4 }]);
  const seen = [5, 15, 21, 23].map((time) => ({ time, rows: 2 }));
  expect(joinSamples(history, seen).map(({ time }) => time)).toEqual([10, 21, 23]);
  expect(joinSamples([], seen)).toBe(seen);
});

test('an event is a sentence, also one of a type that nobody knew', () => {
  const of = (type: string, subject: string, data: Record<string, unknown>) =>
    eventTextOf({ type: `pgmove.PostgresMigration.${type}`, subject, data });
  expect(
    of('DatabaseStateChanged', 'migrations/m/databases/a%20b', {
      state: 'Failed',
      message: 'No rights.',
    }),
  ).toEqual({
    title: 'Database state changed: Failed',
    subject: 'a b',
    detail: 'No rights.',
    tone: 'bad',
  });
  expect(of('LagThresholdExceeded', 'migrations/m', {})).toEqual({
    title: 'Lag threshold exceeded',
    tone: 'warn',
  });
});
