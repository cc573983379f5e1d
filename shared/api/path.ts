import { ApiError, invalidProperty } from './errors.ts';
import { API_VERSIONS, RESOURCE_TYPE } from './vocabulary.ts';

/** The server that a request is about, as the caller wrote it. */
export interface ServerPath {
  subscriptionId: string;
  resourceGroupName: string;
  serverName: string;
}

export const SERVER_ROUTE =
  'subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.DBforPostgreSQL/flexibleServers/{serverName}';

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const RESOURCE_GROUP = /^[\p{L}\p{N}_().-]{1,90}$/u;
const SERVER = /^(?=.{3,63}$)[A-Za-z0-9]+(-[A-Za-z0-9]+)*$/;

/** The names that the service really takes; the specification's pattern is stricter. */
export const MIGRATION_NAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/;

export function parseServerPath(params: Readonly<Record<string, string>>): ServerPath {
  const { subscriptionId = '', resourceGroupName = '', serverName = '' } = params;
  if (!GUID.test(subscriptionId)) {
    throw invalidProperty('subscriptionId', 'The subscription id in the path is not a GUID.');
  }
  if (!RESOURCE_GROUP.test(resourceGroupName) || resourceGroupName.endsWith('.')) {
    throw invalidProperty('resourceGroupName', 'The resource group name in the path is not valid.');
  }
  if (!SERVER.test(serverName)) {
    throw invalidProperty(
      'serverName',
      'The server name in the path is not valid: 3 to 63 letters, digits and single hyphens between them.',
    );
  }
  return { subscriptionId, resourceGroupName, serverName };
}

export function parseMigrationName(name: string): string {
  if (MIGRATION_NAME.test(name)) return name;
  throw invalidProperty('migrationName', invalidNameMessage());
}

export function invalidNameMessage(): string {
  return 'The migration name is not valid: 1 to 63 letters, digits and hyphens, not beginning with a hyphen.';
}

/** Partition of the Migrations table: names of Azure are compared without case. */
export function scopeOf(path: ServerPath): string {
  return `${path.subscriptionId}/${path.resourceGroupName}/${path.serverName}`.toLowerCase();
}

export function serverResourceId(path: ServerPath): string {
  return `/subscriptions/${path.subscriptionId}/resourceGroups/${path.resourceGroupName}/providers/Microsoft.DBforPostgreSQL/flexibleServers/${path.serverName}`;
}

export function migrationResourceId(path: ServerPath, name: string): string {
  return `${serverResourceId(path)}/migrations/${name}`;
}

/** Published versions, and newer ones, which clients of tomorrow will send. */
export function checkApiVersion(version: string | null): void {
  if (version === null || version === '') {
    throw new ApiError(
      400,
      'MissingApiVersionParameter',
      'The api-version query parameter (?api-version=) is required for all requests.',
      { target: 'api-version' },
    );
  }
  const date = /^(\d{4}-\d{2}-\d{2})(?:-preview|-privatepreview)?$/.exec(version)?.[1];
  const isKnown = (API_VERSIONS as readonly string[]).includes(version.toLowerCase());
  const newest = API_VERSIONS[API_VERSIONS.length - 1] ?? '';
  const isNewer =
    date !== undefined && date >= newest.slice(0, 10) && !Number.isNaN(Date.parse(date));
  if (isKnown || isNewer) return;
  throw new ApiError(
    400,
    'InvalidApiVersionParameter',
    `The api-version '${version.slice(0, 40)}' is invalid for ${RESOURCE_TYPE}. The supported versions are '${API_VERSIONS.join(', ')}'.`,
    { target: 'api-version' },
  );
}
