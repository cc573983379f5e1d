import type { EventList, MigrationEvent } from '../../shared/api/events.ts';
import type {
  MigrationResource,
  NameAvailability,
  SampleList,
  TableList,
} from '../../shared/api/resource.ts';
import type { MigrationSummaryList } from '../../shared/api/summary.ts';
import type { ValidationReport } from '../../shared/api/validationReport.ts';
import { RESOURCE_TYPE } from '../../shared/api/vocabulary.ts';
import { callApi, forgetAnswers } from './client.ts';
import type { CallOptions } from './client.ts';
import type { Connectivity, SourceDatabase } from './connectivity.ts';
import { migrationPath, serverPath } from './migrationId.ts';
import type { MigrationKey, ServerScope } from './migrationId.ts';

export type Properties = Readonly<Record<string, unknown>>;

/** Newest first, over every server that the service knows. */
export function listMigrations(signal?: AbortSignal): Promise<MigrationSummaryList> {
  return callApi('/providers/Microsoft.DBforPostgreSQL/migrations', { signal });
}

export function readMigration(key: MigrationKey, signal?: AbortSignal): Promise<MigrationResource> {
  return callApi(migrationPath(key), { signal });
}

export function readValidation(key: MigrationKey, signal?: AbortSignal): Promise<ValidationReport> {
  return callApi(`${migrationPath(key)}/validation`, { signal });
}

export interface TableQuery {
  state?: string;
  /** At most 1000. */
  top: number;
  continuation?: string;
}

export function listTables(
  key: MigrationKey,
  database: string,
  { state, top, continuation }: TableQuery,
  signal?: AbortSignal,
): Promise<TableList> {
  return callApi(`${databasePath(key, database)}/tables`, {
    // Without a state those come first that somebody has to look at.
    query: { state, $orderby: 'state', $top: String(top), continuation },
    signal,
  });
}

/** The continuation that a list's nextLink names. */
export function continuationOf(list: { nextLink?: string }): string | undefined {
  if (list.nextLink === undefined) return undefined;
  return new URL(list.nextLink, location.origin).searchParams.get('continuation') ?? undefined;
}

export function listSamples(
  key: MigrationKey,
  database: string,
  signal?: AbortSignal,
): Promise<SampleList> {
  return callApi(`${databasePath(key, database)}/samples`, { signal });
}

/** Every event behind a sequence number, oldest first. */
export async function listEvents(
  key: MigrationKey,
  after: number,
  signal?: AbortSignal,
): Promise<MigrationEvent[]> {
  const events: MigrationEvent[] = [];
  for (;;) {
    const query = { after: String(events.at(-1)?.sequence ?? after), $top: '1000' };
    const path = `${migrationPath(key)}/events`;
    const { value, nextLink } = await callApi<EventList>(path, { query, signal });
    events.push(...value);
    if (nextLink === undefined || value.length === 0) return events;
  }
}

export function databasePath(key: MigrationKey, database: string): string {
  return `${migrationPath(key)}/databases/${encodeURIComponent(database)}`;
}

export function checkName(
  scope: ServerScope,
  name: string,
  signal?: AbortSignal,
): Promise<NameAvailability> {
  const body = { name, type: RESOURCE_TYPE };
  const path = `${serverPath(scope)}/checkMigrationNameAvailability`;
  return callApi(path, { method: 'POST', body, signal });
}

export function testConnectivity(
  scope: ServerScope,
  properties: Properties,
  signal?: AbortSignal,
): Promise<Connectivity> {
  const body = { properties };
  return callApi(`${serverPath(scope)}/testConnectivity`, { method: 'POST', body, signal });
}

export async function listSourceDatabases(
  scope: ServerScope,
  properties: Properties,
  signal?: AbortSignal,
): Promise<SourceDatabase[]> {
  const path = `${serverPath(scope)}/getSourceDatabaseList`;
  const body = { properties };
  const { value } = await callApi<{ value: SourceDatabase[] }>(path, {
    method: 'POST',
    body,
    signal,
  });
  return value;
}

export function createMigration(
  key: MigrationKey,
  properties: Properties,
): Promise<MigrationResource> {
  return change(migrationPath(key), { method: 'PUT', body: { location: 'local', properties } });
}

export function patchMigration(
  key: MigrationKey,
  properties: Properties,
): Promise<MigrationResource> {
  return change(migrationPath(key), { method: 'PATCH', body: { properties } });
}

export function resumeMigration(key: MigrationKey): Promise<MigrationResource> {
  return change(`${migrationPath(key)}/resume`, { method: 'POST' });
}

export async function purgeMigration(key: MigrationKey): Promise<void> {
  await change(`${migrationPath(key)}/purge`, { method: 'POST' });
}

async function change<Answer>(path: string, options: CallOptions): Promise<Answer> {
  const answer = await callApi<Answer>(path, options);
  forgetAnswers();
  return answer;
}
