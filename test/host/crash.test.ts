import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startAzurite } from '../../scripts/azurite.ts';
import type { RunningAzurite } from '../../scripts/azurite.ts';
import { createLedger, management, startHostProcess, until } from './hostProcess.ts';
import type { HostProcess, Ledger } from './hostProcess.ts';
import { randomNumbers } from './randomNumbers.ts';

const ROUNDS = Number(process.env['HOST_CRASH_ROUNDS'] ?? 3);
const SEED = Number(process.env['HOST_CRASH_SEED'] ?? Date.now() % 100_000);

let azurite: RunningAzurite;
let ledger: Ledger;
let host: HostProcess;

const start = async (): Promise<ReturnType<typeof management>> => {
  host = await startHostProcess(azurite.connectionString, { FIXTURE_LEDGER: ledger.file });
  return management(host);
};

beforeEach(async () => {
  azurite = await startAzurite();
  ledger = await createLedger();
});

afterEach(async () => {
  await host.kill();
  await azurite.stop();
  await ledger.remove();
});

const release = (name: string) => fetch(`${host.url}/release/${name}`, { method: 'POST' });
const began = (name: string, times = 1) =>
  until(async () => ((await ledger.count(`begin ${name}`)) >= times ? true : undefined));

describe('a host that is killed and started again', () => {
  test('runs an instance that it had only accepted', async () => {
    let hub = await start();
    const ids = await Promise.all([1, 2, 3].map((n) => hub.start('echoes', [n])));
    await host.kill();
    hub = await start();
    const outputs = await Promise.all(ids.map(async (id) => (await hub.until(id)).output));
    expect(outputs).toEqual([[1], [2], [3]]);
  });

  test('runs an activity again that was in flight', async () => {
    let hub = await start();
    const id = await hub.start('events', { count: 1, pause: 'flight' });
    await began('flight');
    await host.kill();
    hub = await start();
    await began('flight', 2);
    await release('flight');
    await hub.raise(id, 'item', 'x');
    expect((await hub.until(id)).output).toEqual(['x']);
    expect(await ledger.count('begin flight')).toBe(2);
  });

  test('has kept the events that it accepted, in their order', async () => {
    let hub = await start();
    const id = await hub.start('events', { count: 4, pause: 'kept' });
    for (let n = 0; n < 4; n += 1) expect(await hub.raise(id, 'item', n)).toBe(202);
    await host.kill();
    hub = await start();
    await release('kept');
    expect((await hub.until(id)).output).toEqual([0, 1, 2, 3]);
  });

  test('fires a timer whose time came meanwhile', async () => {
    let hub = await start();
    const id = await hub.start('sleeps', { ms: 300 });
    await hub.until(id, ['Running']);
    await host.kill();
    hub = await start();
    expect((await hub.until(id)).output).toBe('awake');
  });

  test('tells a parent about a child that ended later', async () => {
    let hub = await start();
    const id = await hub.start('parentOf', 'the-child');
    await until(async () =>
      (await hub.call('instances/the-child')).status === 202 ? true : undefined,
    );
    await host.kill();
    hub = await start();
    await hub.raise('the-child', 'go');
    expect((await hub.until(id)).output).toContain('the-child|');
  });

  test('does not run an activity again that ended while its instance was suspended', async () => {
    let hub = await start();
    const id = await hub.start('events', { count: 1, pause: 'frozen' });
    await began('frozen');
    await hub.post(id, 'suspend', 'night');
    await hub.until(id, ['Suspended']);
    await release('frozen');
    await hub.raise(id, 'item', 'morning');
    // The event was accepted after the activity's end, so both are in the inbox.
    await host.kill();
    hub = await start();
    expect(await hub.status(id)).toMatchObject({ runtimeStatus: 'Suspended', output: 'night' });
    await hub.post(id, 'resume');
    expect((await hub.until(id)).output).toEqual(['morning']);
    expect(await ledger.count('begin frozen')).toBe(1);
  });

  test('still knows what has ended', async () => {
    let hub = await start();
    const { instanceId } = await hub.run('bigValues', { size: 40_000 });
    await host.kill();
    hub = await start();
    const status = await hub.status(instanceId, '?showHistory=true');
    expect(status).toMatchObject({ runtimeStatus: 'Completed', output: 'x'.repeat(40_000) });
    expect(status.historyEvents?.length).toBe(4);
  });

  test(`loses no step wherever it is killed (seed ${SEED}, ${ROUNDS} rounds)`, async () => {
    const random = randomNumbers(SEED);
    for (let round = 0; round < ROUNDS; round += 1) {
      const id = `mixed-${round}`;
      let hub = await start();
      await hub.start('mixed', { width: 4 }, id);
      for (let kills = 0; kills < 3; kills += 1) {
        await delay(random() * 90);
        await host.kill();
        hub = await start();
      }
      const status = await hub.until(id);
      expect(status.output, `round ${round}`).toEqual({
        a: ['a0', 'a1', 'a2', 'a3'],
        b: ['b0', 'b1', 'b2'],
        c: 3,
        d: ['s1', 's2'],
      });
      const lines = new Set(await ledger.lines());
      for (const step of ['a0', 'a1', 'a2', 'a3', 'b0', 'b1', 'b2', 'c0', 'c1', 'c2', 'c3']) {
        expect(lines).toContain(`run ${step}`);
      }
      expect(lines).toContain('end s1');
      expect(lines).toContain('end s2');
      await host.kill();
    }
  });
});

describe('a host that is told to stop', () => {
  test('lets what runs end, exits with 0 and leaves its ports free', async () => {
    const hub = await start();
    const id = await hub.start('mixed', { width: 2 });
    await began('s1');
    expect(await host.stop()).toBe(0);
    const lines = await ledger.lines();
    expect(lines).toContain('terminate');
    expect(lines).toContain('end s1');
    expect(await isListening(host.url)).toBe(false);
    const again = await start();
    expect((await again.until(id)).runtimeStatus).toBe('Completed');
    // What had ended before the stop was committed, so nothing ran twice.
    expect(await ledger.count('begin s1')).toBe(1);
  });

  test('stops when its parent lets go of it', async () => {
    await start();
    const exit = new Promise<number | null>((resolve) => host.child.once('exit', resolve));
    host.child.disconnect();
    expect(await exit).toBe(0);
  });
});

function isListening(url: string): Promise<boolean> {
  const { port } = new URL(url);
  return new Promise((resolve) => {
    const socket = createConnection({ port: Number(port), host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
