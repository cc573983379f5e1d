import { describe, expect, test } from 'vitest';
import { transitionDatabase, transitionMigration } from '../../shared/contracts/transitions.ts';
import type { MigrationState } from '../../shared/contracts/status.ts';
import { requireInCatalogue } from '../notifications/support/catalogue.ts';
import { sampleDatabase, sampleMigration } from './fixtures.ts';

const NOW = '2026-01-02T03:04:05.000Z';
const START: MigrationState = { state: 'InProgress', subState: 'PerformingPreRequisiteSteps' };
const SUCCEEDED: MigrationState = { state: 'Succeeded', subState: 'Completed' };
const FAILED: MigrationState = { state: 'Failed', subState: 'Completed', error: 'shop: broken' };

describe('a migration', () => {
  test('goes the whole way and tells about every step', () => {
    let record = sampleMigration();
    const way: MigrationState[] = [
      { state: 'WaitingForUserAction', subState: 'WaitingForDBsToMigrateSpecification' },
      START,
      { state: 'InProgress', subState: 'ValidationInProgress' },
      { state: 'InProgress', subState: 'MigratingData' },
      { state: 'InProgress', subState: 'CompletingMigration' },
      SUCCEEDED,
    ];
    const types: string[] = [];
    for (const to of way) {
      const step = transitionMigration(record, to, NOW);
      record = step.record;
      step.events.forEach(requireInCatalogue);
      types.push(...step.events.map((e) => e.type));
    }
    expect(record).toMatchObject({ status: SUCCEEDED, endedOn: NOW, lastModifiedOn: NOW });
    expect(types.filter((type) => type === 'MigrationStateChanged')).toHaveLength(6);
    expect(types.at(-1)).toBe('MigrationSucceeded');
  });

  test('the same state again is no event', () => {
    const record = sampleMigration({ status: FAILED, endedOn: 'then' });
    const step = transitionMigration(record, { ...FAILED, error: 'other' }, NOW);
    expect(step).toEqual({ record, events: [] });
  });

  test('refuses what the state machine has not', () => {
    const from = (status: MigrationState, to: MigrationState) => () =>
      transitionMigration(sampleMigration({ status }), to, NOW);
    expect(from(SUCCEEDED, START)).toThrow(/cannot go from Succeeded/);
    expect(from(SUCCEEDED, FAILED)).toThrow();
    expect(from(FAILED, SUCCEEDED)).toThrow();
    expect(from({ state: 'InProgress', subState: 'MigratingData' }, START)).toThrow();
    expect(from(FAILED, START)).not.toThrow();
  });

  test('a resume takes the end away', () => {
    const { record } = transitionMigration(
      sampleMigration({ status: FAILED, endedOn: NOW }),
      START,
      NOW,
    );
    expect(record.endedOn).toBeUndefined();
  });
});

describe('a database', () => {
  const { ref } = sampleMigration();
  test('fails with a message and is taken up by a resume, unless it succeeded', () => {
    const failed = transitionDatabase(ref, sampleDatabase(ref.id), 'Failed', NOW, {
      message: 'table public.a: no',
    });
    expect(failed.record).toMatchObject({ state: 'Failed', endedOn: NOW });
    failed.events.forEach(requireInCatalogue);
    expect(failed.events[0]).toMatchObject({
      type: 'DatabaseStateChanged',
      subject: `migrations/${ref.name}/databases/shop`,
      data: { state: 'Failed', previousState: 'InProgress', message: 'table public.a: no' },
    });
    const again = transitionDatabase(ref, failed.record, 'InProgress', NOW, { message: '' });
    expect(again.record).toMatchObject({ state: 'InProgress', endedOn: undefined, message: '' });
    const done = sampleDatabase(ref.id, { state: 'Succeeded' });
    expect(() => transitionDatabase(ref, done, 'InProgress', NOW)).toThrow(/cannot go/);
  });
});
