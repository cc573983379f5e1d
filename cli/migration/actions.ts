import { createApiClient } from '../apiClient.ts';
import type { ApiLocation, MigrationApi } from '../apiClient.ts';
import { parseTags } from '../arguments.ts';
import { usageError } from '../exitCode.ts';
import { findRunningStack, stackFolder } from '../stack/stackFile.ts';
import type { CommonOptions, CreateOptions, ListOptions, UpdateOptions } from './command.ts';
import { resolveNames, resolveNewNames, resolveServer } from './names.ts';
import { renderMigration, renderMigrations, renderObject } from './output.ts';
import { readPropertiesFile } from './propertiesFile.ts';

/** Each does one operation and answers what is to be printed. */

export async function createMigration(options: CreateOptions): Promise<string> {
  const names = resolveNewNames(options);
  const file = await readPropertiesFile(options.properties);
  const api = await openApi(options, names.server);
  const resource = await api.create(names.migration, {
    location: options.location,
    tags: parseTags(options.tags ?? []),
    properties: {
      ...file,
      migrationMode: options.migrationMode === 'online' ? 'Online' : 'Offline',
      migrationOption: options.migrationOption,
    },
  });
  return renderMigration(resource, options.output);
}

export async function listMigrations(options: ListOptions): Promise<string> {
  const api = await openApi(options, resolveServer(options));
  return renderMigrations(await api.list(options.filter), options.output);
}

export async function showMigration(options: CommonOptions): Promise<string> {
  const names = resolveNames(options);
  const api = await openApi(options, names.server);
  return renderMigration(await api.get(names.migration), options.output);
}

export async function updateMigration(options: UpdateOptions): Promise<string> {
  const names = resolveNames(options);
  const properties = wantedProperties(options);
  const api = await openApi(options, names.server);
  return renderMigration(await api.update(names.migration, properties), options.output);
}

/** Exactly one of the flags; the databases go with cutover and cancel, or are the wish themselves. */
export function wantedProperties(options: UpdateOptions): object {
  const databases = databasesOf(options);
  const wishes = {
    '--setup-replication': options.setupReplication && {
      setupLogicalReplicationOnSourceDbIfNeeded: 'True',
    },
    '--cutover': options.cutover && {
      triggerCutover: 'True',
      ...(databases ? { dbsToTriggerCutoverOn: databases } : {}),
    },
    '--cancel': options.cancel && {
      cancel: 'True',
      ...(databases ? { dbsToCancelMigrationOn: databases } : {}),
    },
    '--overwrite-dbs': options.overwriteDbs && { overwriteDbsInTarget: 'True' },
    '--start-data-migration': options.startDataMigration && { startDataMigration: 'True' },
  };
  const given = Object.values(wishes).filter((wish) => wish !== undefined && wish !== false);
  const [only] = given;
  if (given.length > 1) throw usageError(`Give only one of ${Object.keys(wishes).join(', ')}.`);
  if (only !== undefined) {
    if (options.database !== undefined && !options.cutover && !options.cancel) {
      throw usageError('--database goes with --cutover or --cancel, or stands alone.');
    }
    return only;
  }
  if (databases !== undefined) return { dbsToMigrate: databases };
  throw usageError(`Give one of ${[...Object.keys(wishes), '--db-names'].join(', ')}.`);
}

/** Both ways to name them count together. */
function databasesOf({ dbNames, database }: UpdateOptions): string[] | undefined {
  if (dbNames === undefined && database === undefined) return undefined;
  return [...new Set([...(dbNames ?? []), ...(database ?? [])])];
}

export async function cancelMigration(options: CommonOptions): Promise<string> {
  const names = resolveNames(options);
  const api = await openApi(options, names.server);
  return renderMigration(await api.update(names.migration, { cancel: 'True' }), options.output);
}

export async function resumeMigration(options: CommonOptions): Promise<string> {
  const names = resolveNames(options);
  const api = await openApi(options, names.server);
  return renderMigration(await api.resume(names.migration), options.output);
}

export async function deleteMigration(options: CommonOptions): Promise<string> {
  const names = resolveNames(options);
  const api = await openApi(options, names.server);
  const resource = await api.cancel(names.migration);
  return resource === undefined ? '' : renderMigration(resource, options.output);
}

export async function purgeMigration(options: CommonOptions): Promise<string> {
  const names = resolveNames(options);
  const api = await openApi(options, names.server);
  await api.purge(names.migration);
  return '';
}

export async function checkName(options: CommonOptions): Promise<string> {
  const names = resolveNames(options);
  const api = await openApi(options, names.server);
  return renderObject(await api.checkNameAvailability(names.migration), options.output);
}

export async function openApi(
  options: Pick<CommonOptions, 'url' | 'key' | 'subscription' | 'resourceGroup'>,
  server: string,
): Promise<MigrationApi> {
  return createApiClient(await locate(options), {
    subscriptionId: options.subscription,
    resourceGroup: options.resourceGroup,
    server,
  });
}

/** Where the service is: the one that is named, or the one of this folder. */
export async function locate(options: Pick<CommonOptions, 'url' | 'key'>): Promise<ApiLocation> {
  const url = options.url ?? (await findRunningStack(stackFolder()))?.url;
  if (url === undefined) {
    throw usageError(
      'No service runs in this folder. Start one with "pgmove up", or give --url or PGMOVE_URL.',
    );
  }
  return { url, ...(options.key === undefined ? {} : { key: options.key }) };
}
