import type { MigrationRecord } from '../../shared/contracts/records.ts';
import type { MigrationState } from '../../shared/contracts/status.ts';
import { transitionMigration } from '../../shared/contracts/transitions.ts';
import { call, putBody, SERVER_PATH, SUBSCRIPTION } from './fixtures.ts';
import type { ApiFixture } from './fixtures.ts';

export const NOW = '2026-03-01T00:00:00.000Z';
export const COPYING: MigrationState = { state: 'InProgress', subState: 'MigratingData' };
export const FAILED: MigrationState = {
  state: 'Failed',
  subState: 'Completed',
  error: 'shop: broken',
};
export const SUCCEEDED: MigrationState = { state: 'Succeeded', subState: 'Completed' };

let count = 0;

/** A migration made by PUT under a name of its own; `change` goes into the properties. */
export async function createIn(api: ApiFixture, change: Record<string, unknown> = {}) {
  const name = `m${++count}`;
  const url = `${api.url}${SERVER_PATH}/migrations/${name}`;
  const answer = await call(url, 'PUT', putBody(change));
  if (answer.status !== 201) throw new Error(`PUT: ${JSON.stringify(answer.body)}`);
  const record = await api.stores.migrations.find(`${SUBSCRIPTION}/local/target1`, name);
  if (record === undefined) throw new Error('no row');
  return { name, url, answer, record };
}

/** Moves the row as an orchestrator would. */
export async function moveIn(
  api: ApiFixture,
  record: MigrationRecord,
  ...states: MigrationState[]
): Promise<void> {
  for (const state of states) {
    await api.stores.migrations.update(record.ref, (r) => transitionMigration(r, state, NOW));
  }
}
