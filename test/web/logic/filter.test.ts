import { expect, test } from 'vitest';
import { toSummary } from '../../../shared/api/summary.ts';
import { filterMigrations, NO_FILTER } from '../../../web/pages/grid/filterMigrations.ts';
import type { GridFilter } from '../../../web/pages/grid/filterMigrations.ts';
import { sampleMigration } from '../../state/fixtures.ts';

const base = sampleMigration();
const named = (name: string) => ({ ...base.ref, name });

const MIGRATIONS = [
  toSummary({ ...base, ref: named('orders'), wanted: { ...base.wanted, databases: ['Sales'] } }),
  toSummary({
    ...base,
    ref: named('crm'),
    spec: { ...base.spec, mode: 'Online' },
    status: { state: 'WaitingForUserAction', subState: 'WaitingForCutoverTrigger' },
  }),
  toSummary({
    ...base,
    ref: named('old'),
    status: { state: 'ValidationFailed', subState: 'Completed', error: 'no' },
  }),
];

function names(filter: Partial<GridFilter>): string[] {
  return filterMigrations(MIGRATIONS, { ...NO_FILTER, ...filter }).map(({ name }) => name);
}

test('every word has to be somewhere in the line, in any case', () => {
  expect(names({})).toEqual(['orders', 'crm', 'old']);
  expect(names({ text: '  sales ORD ' })).toEqual(['orders']);
  expect(names({ text: 'sales crm' })).toEqual([]);
  expect(names({ text: 'cutover' })).toEqual(['crm']);
});

test('a filter of states takes in all that people mean by it', () => {
  expect(names({ status: 'active' })).toEqual(['orders', 'crm']);
  expect(names({ status: 'attention' })).toEqual(['crm']);
  expect(names({ status: 'failed' })).toEqual(['old']);
  expect(names({ mode: 'Online' })).toEqual(['crm']);
});
