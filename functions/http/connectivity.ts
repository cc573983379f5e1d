import { connectionBodySchema, draftConnections } from '../../shared/api/connectivity.ts';
import type { ConnectionDraft } from '../../shared/api/connectivity.ts';
import { ApiError, invalidProperty } from '../../shared/api/errors.ts';
import { refuseForbiddenHost } from '../../shared/api/hostRules.ts';
import { parseBody } from '../../shared/api/parseBody.ts';
import type { PutProperties } from '../../shared/api/schemas.ts';
import { runtimeIdOf } from '../../shared/contracts/runtimes.ts';
import { runProbe } from '../durable/probe.ts';
import { readText } from './call.ts';
import type { ApiCall, ApiHandler } from './call.ts';

/** POST …/testConnectivity: can the servers be used as a PUT with this body would? Nothing is kept. */
export const testConnectivity: ApiHandler = async (call) => {
  const { source, target, secrets } = await readConnections(call, ['source', 'target']);
  const probe = { source, target, withDatabases: false };
  return { jsonBody: await runProbe(call.client, call.secrets, secrets, probe) };
};

/** POST …/getSourceDatabaseList: what there is to be migrated. */
export const getSourceDatabaseList: ApiHandler = async (call) => {
  const { source, secrets } = await readConnections(call, ['source']);
  const probe = { source, withDatabases: true };
  const found = await runProbe(call.client, call.secrets, secrets, probe);
  if (found.source?.reachable === false) {
    const { message, remedy } = found.source.error;
    throw new ApiError(400, 'SourceServerNotReachable', `${message} ${remedy}`);
  }
  return { jsonBody: { value: found.databases ?? [] } };
};

async function readConnections(
  call: ApiCall,
  sides: readonly ('source' | 'target')[],
): Promise<ConnectionDraft> {
  const body = parseBody(connectionBodySchema, await readText(call.request));
  refuseOtherRuntime(call, body.properties as PutProperties);
  const draft = draftConnections(call.path, body.properties as PutProperties, sides);
  const { allowedHosts } = call.settings;
  for (const side of ['source', 'target'] as const) {
    const server = draft[side];
    if (server === undefined) continue;
    const isNamed = side === 'target' || server.fullyQualifiedDomainName !== undefined;
    const property = isNamed
      ? `properties.${side}DbServerFullyQualifiedDomainName`
      : 'properties.sourceDbServerResourceId';
    await refuseForbiddenHost(server.host, allowedHosts, property);
  }
  return draft;
}

/** The look is taken from where this deployment runs: another one's network is another one's answer. */
function refuseOtherRuntime({ settings }: ApiCall, properties: PutProperties): void {
  const named = properties.migrationInstanceResourceId ?? properties.migrationRuntimeResourceId;
  if (named === undefined || runtimeIdOf(named) === settings.runtime) return;
  throw invalidProperty(
    'properties.migrationInstanceResourceId',
    `The servers are looked at from the deployment that is asked: ask the worker group '${named}' at its own address, or leave migrationInstanceResourceId out.`,
  );
}
