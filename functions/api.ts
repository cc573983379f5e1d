import { app } from '@azure/functions';
import * as df from 'durable-functions';
import { authLevelOf } from './http/access.ts';
import { answerHealth, answerOpenapi, redirectToDashboard } from './http/document.ts';
import { listEverywhere } from './http/listEverywhere.ts';
import { API_ROUTES } from './http/routes.ts';
import { answerWebFile } from './http/webFiles.ts';
import { runtime } from '../shared/state/runtime.ts';

// Tables, queues and packages are there before the first request needs them. What fails is tried
// again, and reported, by the first function that runs.
app.hook.appStart(() => {
  runtime().catch(() => undefined);
});

const authLevel = authLevelOf(process.env);

for (const { name, route, handler } of API_ROUTES) {
  app.http(name, {
    route,
    methods: ['GET', 'PUT', 'PATCH', 'DELETE', 'POST'],
    authLevel,
    extraInputs: [df.input.durableClient()],
    handler,
  });
}

app.http('migrationListEverywhere', {
  route: 'providers/Microsoft.DBforPostgreSQL/migrations',
  methods: ['GET'],
  authLevel,
  handler: listEverywhere,
});

app.http('openapi', {
  route: 'openapi.json',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: answerOpenapi,
});

app.http('health', {
  route: 'health',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: answerHealth,
});

app.http('home', {
  route: '/',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: redirectToDashboard,
});

// The page holds no data; the API behind it asks who it is.
app.http('dashboard', {
  route: 'ui/{*path}',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: answerWebFile,
});
