import { parseConnectionUri } from '../../shared/pg/connectionUri.ts';
import { createApiClient, listEverywhere } from '../apiClient.ts';
import type { MigrationApi, ServerScope } from '../apiClient.ts';
import { usageError } from '../exitCode.ts';
import { serverNameOf } from '../migrate/requestBody.ts';
import { locate, openApi } from './actions.ts';
import type { CommonOptions } from './command.ts';

export interface NamedOptions extends Pick<
  CommonOptions,
  'url' | 'key' | 'subscription' | 'resourceGroup'
> {
  serverName?: string;
  target?: string;
}

/**
 * A client for the target server of the migration: the one that is named, the `--target` of pgmove
 * migrate, or the only one that has a migration of this name.
 */
export async function openNamed(name: string, options: NamedOptions): Promise<MigrationApi> {
  const { serverName, target } = options;
  if (serverName !== undefined) return openApi(options, serverName);
  if (target !== undefined) {
    return openApi(options, serverNameOf(await parseConnectionUri(target)));
  }
  const location = await locate(options);
  const all = await listEverywhere(location);
  const found = all.filter((item) => item.name.toLowerCase() === name.toLowerCase());
  const scopes = found.map(({ id }) => scopeOfId(id));
  const [scope] = scopes;
  if (scope === undefined) throw usageError(`There is no migration '${name}'.`);
  if (scopes.length > 1) {
    const servers = scopes.map(({ server }) => server).join(', ');
    throw usageError(
      `Several servers have a migration '${name}': ${servers}. Name one by --server-name.`,
    );
  }
  return createApiClient(location, scope);
}

function scopeOfId(id: string): ServerScope {
  const [, , subscriptionId = '', , resourceGroup = '', , , , server = ''] = id.split('/');
  return { subscriptionId, resourceGroup, server };
}
