import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startAzurite } from '../../scripts/azurite.ts';
import type { RunningAzurite } from '../../scripts/azurite.ts';
import { createLedger, management, startHostProcess, until } from './hostProcess.ts';
import type { HostProcess, InstanceStatus, Ledger } from './hostProcess.ts';

let azurite: RunningAzurite;
let host: HostProcess;
let ledger: Ledger;
let hub: ReturnType<typeof management>;

beforeAll(async () => {
  azurite = await startAzurite();
  ledger = await createLedger();
  host = await startHostProcess(azurite.connectionString, { FIXTURE_LEDGER: ledger.file });
  hub = management(host);
});

afterAll(async () => {
  await host.stop();
  await azurite.stop();
  await ledger.remove();
});

async function output(name: string, input?: unknown): Promise<unknown> {
  const status = await hub.run(name, input);
  expect(status.runtimeStatus, JSON.stringify(status.output)).toBe('Completed');
  return status.output;
}

describe('calls', () => {
  test('a chain passes each result on', async () => {
    expect(await output('chain')).toBe(1024);
  });

  /** The shortest of several runs: the machine may be busy with other tests. */
  async function shortestMs(run: () => Promise<void>): Promise<number> {
    let shortest = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 5; round += 1) {
      const began = performance.now();
      await run();
      shortest = Math.min(shortest, performance.now() - began);
    }
    return shortest;
  }

  test('a fan-out of 100 activities returns all results within a second', async () => {
    const ms = await shortestMs(async () => {
      expect(await output('fanOut', { count: 100 })).toBe(9900);
    });
    expect(ms).toBeLessThan(1000);
  });

  test('a chain of 10 takes less than 0.3 seconds', async () => {
    expect(await shortestMs(async () => void (await output('chain')))).toBeLessThan(300);
  });

  test('values keep their type on the way through an activity', async () => {
    const values = ['text', '"quoted"', '17', 1, 1.5, null, true, { a: [1] }, [], ''];
    expect(await output('echoes', values)).toEqual(values);
  });

  test('values of several hundred KB are kept', async () => {
    const id = await hub.start('bigValues', { size: 400_000 });
    const status = await hub.until(id);
    expect(status.output).toBe('x'.repeat(400_000));
    expect(status.customStatus).toEqual({ length: 400_000 });
  });

  test('a failure reaches the orchestrator with the name of the activity', async () => {
    expect(await output('catches')).toMatch(/^Activity function 'fails' failed: {2}on purpose \n /);
  });

  test('an orchestrator that throws fails its instance and keeps its custom status', async () => {
    const status = await hub.run('throws');
    expect(status).toMatchObject({
      runtimeStatus: 'Failed',
      output: "Orchestrator function 'throws' failed: orchestrator broke",
      customStatus: { step: 'about to throw' },
    });
  });

  test('an orchestrator that changes its mind is found out', async () => {
    const status = await hub.run('random');
    expect(status.runtimeStatus).toBe('Failed');
    expect(status.output).toContain('Non-Deterministic workflow detected');
  });

  test.each([
    ['usesEntity', 'does not support callEntity'],
    ['usesHttp', 'does not support callHttp'],
    ['bigintOutput', 'BigInt'],
    ['bigintActivity', 'BigInt'],
    ['unknownActivity', "The function 'nowhere' doesn't exist"],
  ])('%s is refused by name', async (name, text) => {
    const status = await hub.run(name);
    expect(status.runtimeStatus).toBe('Failed');
    expect(status.output).toContain(text);
  });
});

describe('retries', () => {
  test('run again after a timer and keep the numbering of other tasks', async () => {
    const input = { key: 'retry-1', succeedsAt: 3, max: 5 };
    expect(await output('retries', input)).toEqual([3, 2, 'plain', 'after']);
  });

  test('give up after the last attempt', async () => {
    const status = await hub.run('retries', { key: 'retry-2', succeedsAt: 9, max: 3 });
    expect(status.output).toContain('attempt 3');
  });

  test('give up when their time is over', async () => {
    const input = { key: 'retry-3', succeedsAt: 90, max: 12, timeoutMs: 60 };
    const status = await hub.run('retries', input);
    // A busy machine may get no further than the first.
    expect(status.output).toMatch(/attempt [1-9] /);
  });
});

describe('sub-orchestrations', () => {
  test('run under a given or a generated id, and fail into the parent', async () => {
    const result = (await output('parent', { childId: 'given-child' })) as {
      results: string[];
      failure: string;
    };
    expect(result.results[0]).toBe('given-child|{"n":1}');
    expect(result.results[1]).toMatch(/^[0-9a-f]{32}:0:0001\|"text"$/);
    expect(result.failure).toContain("Orchestrator function 'child' failed: child broke");
  });

  test('are tried again with retry options', async () => {
    expect(await output('parentWithRetry')).toContain('child broke');
  });

  test('a child under an id that is running elsewhere fails its call', async () => {
    await hub.start('events', { count: 1 }, 'taken-id');
    const status = await hub.run('parentOf', 'taken-id');
    expect(status.output).toContain('already exists');
    await hub.raise('taken-id', 'item', 1);
  });
});

describe('timers', () => {
  test('fire at their time, and cancelled ones of a month hold nobody up', async () => {
    const result = await output('timers');
    expect(result).toMatchObject({ longWon: false });
    const { first, second } = result as { first: number; second: number };
    expect(first).toBeGreaterThanOrEqual(150);
    expect(second).toBeGreaterThanOrEqual(100);
  });
});

describe('external events', () => {
  test('are kept while nobody waits, in their order', async () => {
    const id = await hub.start('events', { count: 5, pause: 'order' });
    for (let n = 0; n < 5; n += 1) expect(await hub.raise(id, 'item', n)).toBe(202);
    await fetch(`${host.url}/release/order`, { method: 'POST' });
    expect((await hub.until(id)).output).toEqual([0, 1, 2, 3, 4]);
  });

  test('win a race against a timer', async () => {
    const id = await hub.start('race');
    await hub.raise(id, 'approve', { by: 'me' });
    expect((await hub.until(id)).output).toEqual({ by: 'me' });
  });

  test('that nobody has taken survive continue-as-new', async () => {
    const id = await hub.start('counter', { n: 0, limit: 6 });
    await Promise.all([0, 1, 2, 3, 4, 5].map((n) => hub.raise(id, 'tick', n)));
    const { output: seen } = await hub.until(id);
    expect([...(seen as number[])].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('for unknown and ended instances are refused', async () => {
    expect(await hub.raise('never-started', 'item')).toBe(404);
    const { instanceId } = await hub.run('chain');
    expect(await hub.raise(instanceId, 'item')).toBe(410);
  });

  test('must be JSON', async () => {
    const id = await hub.start('race');
    const init = { method: 'POST', body: '{broken' };
    const response = await hub.call(`instances/${id}/raiseEvent/approve`, init);
    expect(response.status).toBe(400);
    await hub.post(id, 'terminate');
  });
});

test('a window of running tasks runs each once', async () => {
  const expected = Array.from({ length: 12 }, (_, n) => n * 2);
  expect(await output('window', { count: 12, width: 3 })).toEqual(expected);
  await until(() => host.stderr().includes('names a task again') || undefined);
});

test('a task named again fails the orchestration where that is asked for', async () => {
  const strict = await startHostProcess(azurite.connectionString, {
    FUNCTIONS_HOST_STRICT_TASKS: '1',
    AzureFunctionsJobHost__extensions__durableTask__hubName: 'StrictHub',
  });
  try {
    const status = await management(strict).run('window', { count: 4, width: 2 });
    expect(status.runtimeStatus).toBe('Failed');
    expect(status.output).toContain('names a task again');
  } finally {
    await strict.stop();
  }
});

test('continue-as-new begins anew, again and again', async () => {
  expect(await output('loops', 0)).toBe(20);
});

describe('management', () => {
  test('custom status is shown while the instance runs', async () => {
    const id = await hub.start('status');
    await until(async () => ((await hub.status(id)).customStatus === 'first' ? true : undefined));
    await hub.raise(id, 'go');
    const wanted = { second: true };
    await until(async () =>
      JSON.stringify((await hub.status(id)).customStatus) === JSON.stringify(wanted)
        ? true
        : undefined,
    );
    await hub.raise(id, 'go');
    expect(await hub.until(id)).toMatchObject({ output: 'done', customStatus: wanted });
  });

  test('suspend holds everything back until resume', async () => {
    const id = await hub.start('events', { count: 2 });
    await hub.until(id, ['Running']);
    expect(await hub.post(id, 'suspend', 'lunch')).toBe(202);
    expect(await hub.until(id, ['Suspended'])).toMatchObject({ output: 'lunch' });
    await hub.raise(id, 'item', 1);
    await hub.raise(id, 'item', 2);
    expect((await hub.status(id)).runtimeStatus).toBe('Suspended');
    await hub.post(id, 'resume', 'back');
    expect((await hub.until(id)).output).toEqual([1, 2]);
  });

  test('terminate ends with the reason, and later requests are 410', async () => {
    const id = await hub.start('events', { count: 1 });
    expect(await hub.post(id, 'terminate', 'enough of it')).toBe(202);
    expect(await hub.until(id)).toMatchObject({
      runtimeStatus: 'Terminated',
      output: 'enough of it',
    });
    expect(await hub.post(id, 'terminate')).toBe(410);
    expect(await hub.post(id, 'suspend')).toBe(410);
    expect(await hub.post('nobody', 'terminate')).toBe(404);
  });

  test('an id in use is refused, and can be used again after the end', async () => {
    await hub.start('events', { count: 1 }, 'reused');
    await expect(hub.start('chain', undefined, 'reused')).rejects.toThrow('409');
    await hub.raise('reused', 'item', 'x');
    await hub.until('reused');
    await hub.start('chain', undefined, 'reused');
    expect(await hub.until('reused')).toMatchObject({ name: 'chain', output: 1024 });
  });

  test('unknown orchestrators, bad ids and bad JSON are 400', async () => {
    const start = (path: string, body?: string) =>
      hub.call(`orchestrators/${path}`, { method: 'POST', ...(body ? { body } : {}) });
    expect((await start('nobody')).status).toBe(400);
    expect((await start('chain/%40start')).status).toBe(400);
    expect((await start('chain', '{broken')).status).toBe(400);
    expect((await hub.call('instances/never')).status).toBe(404);
    expect((await hub.call('entities/counter/x')).status).toBe(501);
  });

  test('history, input and output are shown when asked for', async () => {
    const { instanceId } = await hub.run('echoes', ['a']);
    const query = '?showHistory=true&showHistoryOutput=true';
    const status = await hub.status(instanceId, query);
    expect(status.input).toEqual(['a']);
    expect(status.historyEvents?.map((event) => event.EventType)).toEqual([
      'ExecutionStarted',
      'TaskCompleted',
      'ExecutionCompleted',
    ]);
    expect(status.historyEvents?.[1]).toMatchObject({ FunctionName: 'echo', Result: 'a' });
    expect((await hub.status(instanceId, '?showInput=false')).input).toBeNull();
  });

  test('lists are filtered and come in pages', async () => {
    for (let n = 0; n < 7; n += 1) await hub.start('chain', undefined, `page-${n}`);
    await hub.start('events', { count: 1 }, 'page-open');
    for (let n = 0; n < 7; n += 1) await hub.until(`page-${n}`);
    const found: string[] = [];
    let token = '';
    do {
      const query = 'instances/?instanceIdPrefix=page-&runtimeStatus=Completed&top=3';
      const response = await hub.call(query, { headers: { 'x-ms-continuation-token': token } });
      const page = (await response.json()) as InstanceStatus[];
      expect(page.length).toBeLessThanOrEqual(3);
      found.push(...page.map((status) => status.instanceId));
      token = response.headers.get('x-ms-continuation-token') ?? '';
    } while (token !== '');
    expect(found).toEqual([0, 1, 2, 3, 4, 5, 6].map((n) => `page-${n}`));
    await hub.post('page-open', 'terminate');
  });

  test('purge removes what has ended, and only that', async () => {
    await hub.start('bigValues', { size: 50_000 }, 'purged');
    await hub.until('purged');
    const purge = async (id: string) => {
      const response = await hub.call(`instances/${id}`, { method: 'DELETE' });
      return { status: response.status, body: (await response.json()) as unknown };
    };
    expect(await purge('purged')).toEqual({ status: 200, body: { instancesDeleted: 1 } });
    expect((await purge('purged')).status).toBe(404);
    await hub.start('events', { count: 1 }, 'not-purged');
    expect((await purge('not-purged')).body).toEqual({ instancesDeleted: 0 });
    await hub.post('not-purged', 'terminate');
  });

  test('rewind is refused by name, restart starts anew', async () => {
    const { instanceId } = await hub.run('echoes', ['again']);
    expect(await hub.post(instanceId, 'rewind')).toBe(501);
    const response = await hub.call(`instances/${instanceId}/restart`, { method: 'POST' });
    const { id } = (await response.json()) as { id: string };
    expect(id).not.toBe(instanceId);
    expect((await hub.until(id)).output).toEqual(['again']);
  });
});

describe('the durable client of the npm package', () => {
  const client = async (path: string): Promise<unknown> => {
    const response = await fetch(`${host.url}/client/${path}`, { method: 'POST' });
    const answer = (await response.json()) as { value?: unknown };
    return response.ok ? answer.value : answer;
  };

  test('starts, asks, raises, suspends, resumes, terminates and purges', async () => {
    const response = await fetch(`${host.url}/start/race/by-client`, { method: 'POST' });
    expect(response.status).toBe(202);
    const urls = (await response.json()) as Record<string, string>;
    expect(urls['statusQueryGetUri']).toContain(`${host.url}/runtime/webhooks/durabletask/`);
    expect(await (await fetch(urls['statusQueryGetUri'] ?? '')).json()).toMatchObject({
      input: '',
    });
    expect(await client('suspend/by-client?argument=wait')).toBeNull();
    await hub.until('by-client', ['Suspended']);
    expect(await client('resume/by-client?argument=go')).toBeNull();
    expect(await client('raise/by-client?argument=approve&data=yes')).toBeNull();
    await hub.until('by-client');
    expect(await client('status/by-client')).toMatchObject({
      runtimeStatus: 'Completed',
      output: 'yes',
    });
    expect(await client('purge/by-client')).toEqual({ instancesDeleted: 1 });
    expect(await client('status/by-client')).toMatchObject({
      message: expect.stringContaining('404'),
    });
    expect(await client('raise/nobody?argument=x')).toMatchObject({
      message: expect.stringContaining('No instance'),
    });
  });

  test('lists all instances', async () => {
    const all = (await client('all')) as InstanceStatus[];
    expect(all.length).toBeGreaterThan(20);
    expect(all.every((status) => typeof status.instanceId === 'string')).toBe(true);
  });
});
