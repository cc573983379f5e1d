import { expect, test } from 'vitest';
import { createGateKeeper } from '../../cli/migrate/gates.ts';
import type { CutoverDetails, MigrationResource } from '../../cli/apiClient.ts';
import { resourceWith } from './resources.ts';

function waiting(cutover?: CutoverDetails): MigrationResource {
  return resourceWith(
    'WaitingForUserAction',
    { shop: { migrationState: 'WaitingForCutoverTrigger', ...(cutover ? { cutover } : {}) } },
    { subState: 'WaitingForCutoverTrigger' },
  );
}

const failedAt = (minute: number): MigrationResource =>
  waiting({ requestedOn: `2025-01-01T00:0${minute}:00Z`, failure: 'no space left' });

test('a cutover is asked for once, and again only after it has failed, three times in all', () => {
  const keeper = createGateKeeper({ cutover: 'auto', cutoverCommand: 'pgmove …' });
  const kinds = [waiting(), waiting(), failedAt(1), failedAt(1), failedAt(2)].map(
    (resource) => keeper(resource).kind,
  );
  expect(kinds).toEqual(['update', 'wait', 'update', 'wait', 'update']);
  const last = keeper(failedAt(3));
  expect(last).toEqual({ kind: 'wait', note: expect.stringMatching(/no space left[^]*pgmove …/) });
  expect(keeper(failedAt(3))).toEqual({ kind: 'wait' });
});

test('a manual cutover is explained once', () => {
  const keeper = createGateKeeper({ cutover: 'manual', cutoverCommand: 'pgmove …' });
  expect([keeper(waiting()).note, keeper(waiting()).note]).toEqual([
    expect.stringContaining('pgmove …'),
    undefined,
  ]);
});

test('a source that is not set up for replication is refused with the way out', () => {
  const keeper = createGateKeeper({ cutover: 'auto', cutoverCommand: 'pgmove …' });
  const gate = 'WaitingForLogicalReplicationSetupRequestOnSourceDB';
  const answer = keeper(resourceWith('WaitingForUserAction', {}, { subState: gate }));
  expect(answer.kind === 'refuse' && [answer.error.exitCode, answer.error.message]).toEqual([
    2,
    expect.stringContaining('--setup-replication'),
  ]);
});
