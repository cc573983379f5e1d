import * as df from 'durable-functions';
import { record, waitForRelease } from '../ledger.mjs';

df.app.activity('echo', { handler: (input) => input });
df.app.activity('double', { handler: (n) => n * 2 });
df.app.activity('recorded', {
  handler: async (name) => {
    await record(`run ${name}`);
    return name;
  },
});
df.app.activity('slow', {
  handler: async ({ name, ms }) => {
    await record(`begin ${name}`);
    await new Promise((resolve) => setTimeout(resolve, ms));
    await record(`end ${name}`);
    return name;
  },
});
df.app.activity('held', {
  handler: async (name) => {
    await record(`begin ${name}`);
    await waitForRelease(name);
    return name;
  },
});
df.app.activity('fails', {
  handler: (text) => {
    throw new Error(text ?? 'no reason');
  },
});

const attempts = new Map();
df.app.activity('failsUntil', {
  handler: ({ key, succeedsAt }) => {
    const attempt = (attempts.get(key) ?? 0) + 1;
    attempts.set(key, attempt);
    if (attempt < succeedsAt) throw new Error(`attempt ${attempt}`);
    return attempt;
  },
});
df.app.activity('big', { handler: (size) => 'x'.repeat(size) });

df.app.orchestration('chain', function* (context) {
  let value = 1;
  for (let step = 0; step < 10; step += 1) value = yield context.df.callActivity('double', value);
  return value;
});

df.app.orchestration('fanOut', function* (context) {
  const { count } = context.df.getInput();
  const tasks = [];
  for (let n = 0; n < count; n += 1) tasks.push(context.df.callActivity('double', n));
  const results = yield context.df.Task.all(tasks);
  return results.reduce((sum, n) => sum + n, 0);
});

df.app.orchestration('echoes', function* (context) {
  const input = context.df.getInput();
  const results = [];
  for (const value of input) results.push(yield context.df.callActivity('echo', value));
  return results;
});

df.app.orchestration('retries', function* (context) {
  const { key, succeedsAt, max, timeoutMs } = context.df.getInput();
  const options = new df.RetryOptions(20, max);
  options.backoffCoefficient = 1.5;
  if (timeoutMs !== undefined) options.retryTimeoutInMilliseconds = timeoutMs;
  const both = yield context.df.Task.all([
    context.df.callActivityWithRetry('failsUntil', options, { key, succeedsAt }),
    context.df.callActivityWithRetry('failsUntil', options, { key: `${key}-b`, succeedsAt: 2 }),
    context.df.callActivity('echo', 'plain'),
  ]);
  const after = yield context.df.callActivity('echo', 'after');
  return [...both, after];
});

df.app.orchestration('catches', function* (context) {
  try {
    yield context.df.callActivity('fails', 'on purpose');
    return 'not reached';
  } catch (error) {
    return error.message;
  }
});

df.app.orchestration('throws', function* (context) {
  context.df.setCustomStatus({ step: 'about to throw' });
  yield context.df.callActivity('echo', 1);
  throw new Error('orchestrator broke');
});

df.app.orchestration('child', function* (context) {
  const input = context.df.getInput();
  if (input?.fail) throw new Error('child broke');
  if (input?.wait) yield context.df.waitForExternalEvent('go');
  return yield context.df.callActivity('echo', `${context.df.instanceId}|${JSON.stringify(input)}`);
});

df.app.orchestration('parent', function* (context) {
  const { childId } = context.df.getInput();
  const results = yield context.df.Task.all([
    context.df.callSubOrchestrator('child', { n: 1 }, childId),
    context.df.callSubOrchestrator('child', 'text'),
  ]);
  let failure;
  try {
    yield context.df.callSubOrchestrator('child', { fail: true });
  } catch (error) {
    failure = error.message;
  }
  return { results, failure };
});

df.app.orchestration('parentWithRetry', function* (context) {
  try {
    yield context.df.callSubOrchestratorWithRetry('child', new df.RetryOptions(10, 2), {
      fail: true,
    });
    return 'not reached';
  } catch (error) {
    return error.message;
  }
});

df.app.orchestration('parentOf', function* (context) {
  return yield context.df.callSubOrchestrator('child', { wait: true }, context.df.getInput());
});

df.app.orchestration('timers', function* (context) {
  const start = context.df.currentUtcDateTime.getTime();
  yield context.df.createTimer(new Date(start + 150));
  const middle = context.df.currentUtcDateTime.getTime();
  const long = context.df.createTimer(new Date(middle + 30 * 24 * 3600 * 1000));
  const winner = yield context.df.Task.any([long, context.df.createTimer(new Date(middle + 100))]);
  const longWon = winner === long;
  if (!longWon) long.cancel();
  return {
    first: middle - start,
    second: context.df.currentUtcDateTime.getTime() - middle,
    longWon,
  };
});

df.app.orchestration('sleeps', function* (context) {
  const { ms } = context.df.getInput();
  yield context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + ms));
  return 'awake';
});

df.app.orchestration('events', function* (context) {
  const { count, pause } = context.df.getInput();
  const seen = [];
  if (pause) yield context.df.callActivity('held', pause);
  for (let n = 0; n < count; n += 1) seen.push(yield context.df.waitForExternalEvent('item'));
  return seen;
});

df.app.orchestration('race', function* (context) {
  const event = context.df.waitForExternalEvent('approve');
  const timer = context.df.createTimer(
    new Date(context.df.currentUtcDateTime.getTime() + 3600_000),
  );
  const winner = yield context.df.Task.any([event, timer]);
  if (winner === timer) return 'late';
  timer.cancel();
  return event.result;
});

df.app.orchestration('window', function* (context) {
  const { count, width } = context.df.getInput();
  const running = [];
  const results = [];
  let next = 0;
  while (results.length < count) {
    while (running.length < width && next < count) {
      running.push(context.df.callActivity('double', next));
      next += 1;
    }
    const done = yield context.df.Task.any(running);
    running.splice(running.indexOf(done), 1);
    results.push(done.result);
  }
  return results.sort((a, b) => a - b);
});

df.app.orchestration('counter', function* (context) {
  const { n, limit, seen = [] } = context.df.getInput();
  const event = yield context.df.waitForExternalEvent('tick');
  seen.push(event);
  if (n + 1 < limit) {
    context.df.continueAsNew({ n: n + 1, limit, seen });
    return undefined;
  }
  return seen;
});

df.app.orchestration('loops', function* (context) {
  const n = context.df.getInput();
  yield context.df.callActivity('echo', n);
  if (n < 20) return context.df.continueAsNew(n + 1);
  return n;
});

df.app.orchestration('bigValues', function* (context) {
  const { size } = context.df.getInput();
  const text = yield context.df.callActivity('big', size);
  const back = yield context.df.callActivity('echo', text);
  context.df.setCustomStatus({ length: back.length });
  return back;
});

df.app.orchestration('status', function* (context) {
  context.df.setCustomStatus('first');
  yield context.df.waitForExternalEvent('go');
  context.df.setCustomStatus({ second: true });
  yield context.df.waitForExternalEvent('go');
  return 'done';
});

df.app.orchestration('usesEntity', function* (context) {
  yield context.df.callEntity(new df.EntityId('counter', 'x'), 'get');
});
df.app.orchestration('usesHttp', function* (context) {
  yield context.df.callHttp({ method: 'GET', url: 'http://127.0.0.1:1/' });
});
df.app.orchestration('unknownActivity', function* (context) {
  yield context.df.callActivity('nowhere');
});
// eslint-disable-next-line require-yield -- it ends at once.
df.app.orchestration('bigintOutput', function* () {
  return 1n;
});
df.app.activity('bigintResult', { handler: () => 1n });
df.app.orchestration('bigintActivity', function* (context) {
  return yield context.df.callActivity('bigintResult');
});
df.app.orchestration('random', function* (context) {
  yield context.df.callActivity(Math.random() < 2 && globalThis.fixtureFlip ? 'echo' : 'double', 1);
  globalThis.fixtureFlip = true;
  yield context.df.callActivity('echo', 2);
});

df.app.orchestration('mixed', function* (context) {
  const { width } = context.df.getInput();
  const first = [];
  for (let n = 0; n < width; n += 1) first.push(context.df.callActivity('recorded', `a${n}`));
  const a = yield context.df.Task.all(first);
  yield context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + 60));
  const b = yield context.df.callSubOrchestrator('mixedChild', { n: 3 }, 'mixed-child');
  const c = yield context.df.callSubOrchestrator('mixedLoop', { n: 0 });
  const d = yield context.df.Task.all([
    context.df.callActivity('slow', { name: 's1', ms: 40 }),
    context.df.callActivity('slow', { name: 's2', ms: 15 }),
  ]);
  return { a, b, c, d };
});
df.app.orchestration('mixedChild', function* (context) {
  const results = [];
  for (let n = 0; n < context.df.getInput().n; n += 1) {
    results.push(yield context.df.callActivity('recorded', `b${n}`));
  }
  return results;
});
df.app.orchestration('mixedLoop', function* (context) {
  const { n } = context.df.getInput();
  yield context.df.callActivity('recorded', `c${n}`);
  if (n < 3) {
    context.df.continueAsNew({ n: n + 1 });
    return undefined;
  }
  return n;
});
