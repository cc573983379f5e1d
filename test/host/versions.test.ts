import { afterEach, beforeEach, expect, test } from 'vitest';
import { compareVersions as compareInApp } from '../../orchestrators/steps/version.ts';
import { compareVersions } from '../../host/durable/versions.ts';
import { startAzurite } from '../../scripts/azurite.ts';
import type { RunningAzurite } from '../../scripts/azurite.ts';
import { createLedger, management, startHostProcess, until } from './hostProcess.ts';
import type { HostProcess, Ledger } from './hostProcess.ts';

let azurite: RunningAzurite;
let ledger: Ledger;
let host: HostProcess | undefined;

beforeEach(async () => {
  azurite = await startAzurite();
  ledger = await createLedger();
});
afterEach(async () => {
  await host?.stop();
  await azurite.stop();
  await ledger.remove();
});

type Release = 'old' | 'new' | 'careless';

/** The app as it was released under this version, on the same task hub. */
async function start(release: Release, version: string) {
  host = await startHostProcess(azurite.connectionString, {
    FIXTURE_LEDGER: ledger.file,
    FIXTURE_RELEASE: release,
    AzureFunctionsJobHost__extensions__durableTask__defaultVersion: version,
  });
  return management(host);
}

/** An instance of the old release, which has come to its wait for an event. */
async function startedOnOld(): Promise<string> {
  const hub = await start('old', '1.9');
  const id = await hub.start('versioned');
  await until(async () => {
    const { historyEvents } = await hub.status(id, '?showHistory=true');
    return historyEvents?.some(({ EventType }) => EventType === 'TaskCompleted') === true
      ? true
      : undefined;
  });
  await host?.kill();
  return id;
}

test('what the old release started ends in its order under the new one, its children too', async () => {
  const id = await startedOnOld();
  const hub = await start('new', '1.10');
  await hub.raise(id, 'go');
  expect((await hub.until(id)).output).toEqual(['first', '1.9: no more']);
  const fresh = await hub.start('versioned');
  await hub.raise(fresh, 'go');
  expect((await hub.until(fresh)).output).toEqual(['more', 'first', '1.10: more']);
});

test('without the branch the replay of an old instance fails', async () => {
  const id = await startedOnOld();
  const hub = await start('careless', '1.10');
  await hub.raise(id, 'go');
  expect(await hub.until(id)).toMatchObject({ runtimeStatus: 'Failed' });
});

test('an instance of a newer version waits for newer code', async () => {
  let hub = await start('new', '1.10');
  const id = await hub.start('versioned');
  await until(async () => ((await ledger.count('run more')) > 0 ? true : undefined));
  await host?.kill();
  hub = await start('old', '1.9');
  expect(await hub.raise(id, 'go')).toBe(202);
  const older = await hub.start('versioned');
  await hub.raise(older, 'go');
  expect((await hub.until(older)).output).toEqual(['first', '1.9: no more']);
  expect((await hub.status(id)).runtimeStatus).not.toBe('Completed');
  await host?.kill();
  hub = await start('new', '1.10');
  expect((await hub.until(id)).output).toEqual(['more', 'first', '1.10: more']);
});

test.each([compareVersions, compareInApp])('versions are compared by their numbers', (compare) => {
  const sorted = ['1.10', '', '2', '1.9', '1.0.1', '1'].toSorted(compare);
  expect(sorted).toEqual(['', '1', '1.0.1', '1.9', '1.10', '2']);
  expect(compare('1', '1.0')).toBe(0);
});
