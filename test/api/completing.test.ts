import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { foldGate } from '../../activities/steps/foldGate.ts';
import { noteCompleting } from '../../activities/steps/completing.ts';
import type { ActivityEnvironment } from '../../activities/steps/defineActivity.ts';
import type { MigrationRecord } from '../../shared/contracts/records.ts';
import type { DatabaseState } from '../../shared/contracts/status.ts';
import { transitionDatabase } from '../../shared/contracts/transitions.ts';
import { sampleDatabase } from '../state/fixtures.ts';
import { call, startApi } from './fixtures.ts';
import type { ApiFixture } from './fixtures.ts';
import { COPYING, createIn, moveIn, NOW, SUCCEEDED } from './steps.ts';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

/** A migration of the databases a and b that copies. */
async function copying(change?: Record<string, unknown>) {
  const { record, url } = await createIn(api, { dbsToMigrate: ['a', 'b'], ...change });
  await moveIn(api, record, COPYING);
  for (const database of ['a', 'b']) {
    await api.stores.databases.put(sampleDatabase(record.ref.id, { database, startedOn: NOW }));
  }
  const env = { record, stores: api.stores } as unknown as ActivityEnvironment;
  const move = (database: string, to: DatabaseState) => moveDatabase(record, database, to);
  const shown = async () => {
    const { body } = await call(url, 'GET');
    const status = body.properties?.currentStatus;
    return `${status?.state}/${String(status?.currentSubStateDetails['currentSubState'])}`;
  };
  return { record, url, env, move, shown };
}

async function moveDatabase({ ref }: MigrationRecord, database: string, to: DatabaseState) {
  await api.stores.databases.update(ref.id, database, (row) =>
    transitionDatabase(ref, row, to, NOW),
  );
}

describe('CompletingMigration', () => {
  test('is shown from the last steps of the last database on, and leads to the end', async () => {
    const { record, env, move, shown } = await copying();
    await noteCompleting(env, 'a');
    expect(await shown()).toBe('InProgress/MigratingData');
    await move('a', 'Succeeded');
    await noteCompleting(env, 'b');
    await noteCompleting(env, 'b');
    expect(await shown()).toBe('InProgress/CompletingMigration');
    await moveIn(api, record, SUCCEEDED);
    await noteCompleting(env, 'b');
    expect(await shown()).toBe('Succeeded/Completed');
  });

  test('can be canceled, and does not hide a cancel', async () => {
    const { url, env, move, shown } = await copying();
    await move('a', 'Failed');
    await noteCompleting(env, 'b');
    expect((await call(url, 'PATCH', { properties: { cancel: 'True' } })).status).toBe(200);
    await noteCompleting(env, 'b');
    expect(await shown()).toBe('InProgress/CancelingRequestedDBMigrations');
  });

  test('goes back to the gate when a cutover fails', async () => {
    const { env, move, shown } = await copying({ migrationMode: 'Online' });
    await move('a', 'Succeeded');
    await noteCompleting(env, 'b');
    await move('b', 'WaitingForCutoverTrigger');
    await foldGate(env);
    expect(await shown()).toBe('WaitingForUserAction/WaitingForCutoverTrigger');
  });
});
