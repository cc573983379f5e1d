import { randomUUID } from 'node:crypto';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { compareDatabases } from '../../../shared/pg/compare/compareDatabases.ts';
import { parseConnectionUri } from '../../../shared/pg/connectionUri.ts';
import type { TestStack } from './testStack.ts';
import { waitFor } from './waitFor.ts';

const SUBSCRIPTION = '00000000-0000-0000-0000-000000000000';

export interface DatabaseAnswer {
  migrationState: string;
  message?: string;
  fullLoadCompletedTables?: number;
  fullLoadErroredTables?: number;
  [name: string]: unknown;
}

export interface MigrationAnswer {
  name: string;
  properties: {
    currentStatus: {
      state: string;
      error?: string;
      currentSubStateDetails: {
        currentSubState: string;
        dbDetails?: Record<string, DatabaseAnswer>;
        validationDetails?: { status?: string };
      };
    };
    [name: string]: unknown;
  };
}

/** One migration of a test, driven over HTTP as any client would. */
export interface TestMigration {
  readonly name: string;
  readonly url: string;
  put(): Promise<MigrationAnswer>;
  get(): Promise<MigrationAnswer>;
  patch(properties: Record<string, unknown>): Promise<{ status: number; body: unknown }>;
  post(action: string): Promise<{ status: number; body: unknown }>;
  /** Waits for an end and returns it. */
  ended(timeoutMs?: number): Promise<MigrationAnswer>;
  waitForSubState(subState: string): Promise<MigrationAnswer>;
}

export interface TestMigrationOptions {
  stack: TestStack;
  source: ThrowawayCluster;
  target: ThrowawayCluster;
  databases?: readonly string[];
  users?: { source?: string; target?: string };
  properties?: Record<string, unknown>;
  /** Of the path; that of servers outside of Azure when absent. */
  subscription?: string;
}

/** The server of the path: any name will do, because the properties say where the target is. */
export function serverUrl(stack: Pick<TestStack, 'url'>, subscription = SUBSCRIPTION): string {
  return `${stack.url}/subscriptions/${subscription}/resourceGroups/test/providers/Microsoft.DBforPostgreSQL/flexibleServers/e2e`;
}

export function testMigration(options: TestMigrationOptions): TestMigration {
  const { stack, source, target, databases, users, subscription = SUBSCRIPTION } = options;
  const name = `t-${randomUUID()}`;
  const server = serverUrl(stack, subscription);
  const url = `${server}/migrations/${name}`;
  const body = {
    location: 'local',
    properties: {
      sourceDbServerResourceId: `127.0.0.1:${source.port}@${users?.source ?? 'postgres'}`,
      targetDbServerFullyQualifiedDomainName: `127.0.0.1:${target.port}`,
      sourceType: 'OnPremises',
      sslMode: 'Prefer',
      migrationMode: 'Offline',
      migrationOption: 'Migrate',
      ...(databases === undefined ? {} : { dbsToMigrate: databases }),
      secretParameters: {
        adminCredentials: { sourceServerPassword: 'x', targetServerPassword: 'x' },
        targetServerUsername: users?.target ?? 'postgres',
      },
      ...options.properties,
    },
  };
  const get = async () => (await call(url, 'GET')).body as MigrationAnswer;
  return {
    name,
    url,
    get,
    async put() {
      const answer = await call(url, 'PUT', body);
      if (answer.status > 201) throw new Error(`PUT: ${JSON.stringify(answer)}`);
      return answer.body as MigrationAnswer;
    },
    patch: (properties) => call(url, 'PATCH', { properties }),
    post: (action) => call(`${url}/${action}`, 'POST'),
    ended: (timeoutMs) =>
      waitFor(
        `the end of ${name}`,
        async () => {
          const answer = await whileUnreachable(get);
          const subState = answer?.properties.currentStatus.currentSubStateDetails.currentSubState;
          return subState === 'Completed' ? answer : undefined;
        },
        timeoutMs,
      ),
    waitForSubState: async (wanted) => {
      let last: MigrationAnswer | undefined;
      try {
        return await waitFor(`${wanted} of ${name}`, async () => {
          const answer = await whileUnreachable(get);
          last = answer ?? last;
          const subState = answer?.properties.currentStatus.currentSubStateDetails.currentSubState;
          if (subState === 'Completed' && wanted !== subState) throw new Error('It ended.');
          return subState === wanted ? answer : undefined;
        });
      } catch (error) {
        const status = JSON.stringify(last?.properties.currentStatus, undefined, 1);
        throw new Error(`${error instanceof Error ? error.message : ''} Status: ${status}`, {
          cause: error,
        });
      }
    },
  };
}

/** A host that a test has killed does not answer: that is no answer, not an error. */
async function whileUnreachable<Value>(look: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** A host that asks for keys gets the one of the environment. */
function keyHeader(): Record<string, string> {
  const key = process.env['PGMOVE_FUNCTION_KEY'];
  return key === undefined ? {} : { 'x-functions-key': key };
}

async function call(
  url: string,
  method: string,
  body?: unknown,
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${url}?api-version=2025-08-01`, {
    method,
    headers: { 'content-type': 'application/json', ...keyHeader() },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
}

/** What differs between two databases, as text: empty when they are equal. */
export async function differences(
  source: ThrowawayCluster,
  target: ThrowawayCluster,
  database: string,
  targetDatabase = database,
): Promise<string[]> {
  const comparison = await compareDatabases(
    await parseConnectionUri(source.uri(database)),
    await parseConnectionUri(target.uri(targetDatabase)),
    { mode: 'hash', jobs: 2 },
  );
  return [
    ...comparison.sections.flatMap(({ name, differences: found }) =>
      found.map(({ object, detail }) => `${name}: ${object}: ${detail}`),
    ),
    ...comparison.tables
      .filter(({ equal }) => !equal)
      .map(({ schema, name, detail }) => `rows of ${schema}.${name}: ${detail}`),
  ];
}
