import functions from '@azure/functions';
import * as df from 'durable-functions';
import { record, release } from '../ledger.mjs';

const { app, HttpResponse } = functions;

app.http('literal', {
  route: 'things/special',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: () => ({ jsonBody: { matched: 'literal' } }),
});
app.http('parameter', {
  route: 'Things/{name}',
  methods: ['GET', 'PUT'],
  authLevel: 'anonymous',
  handler: async (request) => ({
    jsonBody: {
      matched: 'parameter',
      name: request.params.name,
      method: request.method,
      url: request.url,
      body: await request.text(),
      query: Object.fromEntries(request.query),
    },
  }),
});
app.http('optional', {
  route: 'subscriptions/{sub}/items/{item?}',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: (request) => ({ jsonBody: { matched: 'optional', params: request.params } }),
});
app.http('catchAll', {
  route: '{*path}',
  methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
  authLevel: 'anonymous',
  handler: (request) => ({
    status: 404,
    jsonBody: { matched: 'catchAll', path: request.params.path },
  }),
});
app.http('home', {
  route: '',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: () => ({ jsonBody: { matched: 'home' } }),
});
app.http('keyed', {
  route: 'keyed',
  methods: ['GET'],
  authLevel: 'function',
  handler: () => ({ body: 'open' }),
});
app.http('breaks', {
  route: 'throws',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: () => {
    throw new Error('secret detail');
  },
});
app.http('nothing', {
  route: 'nothing',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: () => undefined,
});
app.http('cookies', {
  route: 'cookies',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: () =>
    new HttpResponse({
      status: 201,
      body: 'ok',
      headers: { 'x-extra': 'yes' },
      cookies: [{ name: 'a', value: 'b c', httpOnly: true, path: '/' }],
    }),
});
app.http('streamed', {
  route: 'streams',
  methods: ['POST'],
  authLevel: 'anonymous',
  // Answers while the request is still being sent: nothing may be buffered whole.
  handler: (request) => ({ body: request.body, headers: { 'content-type': 'text/plain' } }),
});
app.http('release', {
  route: 'release/{name}',
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: (request) => {
    release(request.params.name);
    return {};
  },
});
df.app.client.http('start', {
  route: 'start/{name}/{id?}',
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: async (request, client) => {
    const text = await request.text();
    const instanceId = await client.startNew(request.params.name, {
      ...(request.params.id ? { instanceId: request.params.id } : {}),
      ...(text ? { input: JSON.parse(text) } : {}),
    });
    return client.createCheckStatusResponse(request, instanceId);
  },
});
df.app.client.http('client', {
  route: 'client/{operation}/{id?}',
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: async (request, client) => {
    const { operation, id } = request.params;
    const argument = request.query.get('argument') ?? '';
    const call = {
      status: () => client.getStatus(id, { showHistory: true, showHistoryOutput: true }),
      all: () => client.getStatusAll(),
      raise: () => client.raiseEvent(id, argument, request.query.get('data') ?? undefined),
      terminate: () => client.terminate(id, argument),
      suspend: () => client.suspend(id, argument),
      resume: () => client.resume(id, argument),
      purge: () => client.purgeInstanceHistory(id),
      purgeAll: () => client.purgeInstanceHistoryBy({ createdTimeFrom: new Date(0) }),
    }[operation];
    try {
      return { jsonBody: { value: (await call()) ?? null } };
    } catch (error) {
      return { status: 500, jsonBody: { message: error.message } };
    }
  },
});
app.storageQueue('queued', {
  queueName: 'work',
  connection: 'AzureWebJobsStorage',
  handler: async (message, context) => {
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    await record(`queue ${text} ${String(context.triggerMetadata.dequeueCount)}`);
    if (text.includes('poison')) throw new Error('poisoned');
  },
});
app.timer('ticks', {
  schedule: '%FIXTURE_SCHEDULE%',
  runOnStartup: true,
  handler: async (timer) => {
    await record(`timer ${timer.isPastDue}`);
  },
});
app.timer('yearly', {
  schedule: '0 0 0 1 1 *',
  handler: async (timer) => {
    await record(`yearly ${timer.isPastDue}`);
  },
});
app.hook.appTerminate(() => record('terminate'));
