import type { PostgreSQLManagementFlexibleServerClient } from '@azure/arm-postgresql-flexible';
import type { ArmReading, ArmServer } from '../../shared/checks/armServer.ts';
import type { Settings } from '../../shared/config/settings.ts';
import type { MigrationRecord } from '../../shared/contracts/records.ts';

/** Azure is asked this long, its login included. */
const TIME_LIMIT_MS = 15_000;

/** In paths of servers that are no resources of Azure. */
const NO_SUBSCRIPTION = '00000000-0000-0000-0000-000000000000';

const FLEXIBLE_SERVER =
  /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.DBforPostgreSQL\/flexibleServers\/([A-Za-z0-9-]+)$/i;

const AZURE_HOST = /\.postgres\.database\.azure\.com$/i;

interface ServerId {
  subscriptionId: string;
  resourceGroup: string;
  name: string;
}

export interface ArmReadings {
  source: ArmReading;
  target: ArmReading;
}

/** What Azure says about both servers; that it could not be asked is a value, too. */
export async function readArmServers(
  settings: Pick<Settings, 'arm'>,
  record: Pick<MigrationRecord, 'subscriptionId' | 'resourceGroupName' | 'serverName' | 'spec'>,
  { timeLimitMs = TIME_LIMIT_MS }: { timeLimitMs?: number } = {},
): Promise<ArmReadings> {
  const { spec } = record;
  const read = (side: 'source' | 'target', id: ServerId | undefined) =>
    readArmServer(settings, side, id, { host: spec[side].host, timeLimitMs });
  const targetId: ServerId = {
    subscriptionId: record.subscriptionId,
    resourceGroup: record.resourceGroupName,
    name: record.serverName,
  };
  const [source, target] = await Promise.all([
    read('source', sourceId(spec.source.resourceId)),
    read('target', targetId),
  ]);
  return { source, target };
}

function sourceId(resourceId: string | undefined): ServerId | undefined {
  const match = FLEXIBLE_SERVER.exec(resourceId?.trim() ?? '');
  if (match === null) return undefined;
  const [, subscriptionId = '', resourceGroup = '', name = ''] = match;
  return { subscriptionId, resourceGroup, name };
}

async function readArmServer(
  { arm }: Pick<Settings, 'arm'>,
  side: 'source' | 'target',
  id: ServerId | undefined,
  { host, timeLimitMs }: { host: string; timeLimitMs: number },
): Promise<ArmReading> {
  if (id === undefined || id.subscriptionId === NO_SUBSCRIPTION) {
    return {
      notChecked: `The ${side} is not named as a flexible server of an Azure subscription.`,
    };
  }
  if (arm === undefined) {
    return { notChecked: 'Azure Resource Manager is not asked (PGMOVE_ARM_METADATA is not true).' };
  }
  try {
    const { server, domainName } = await withTimeLimit(timeLimitMs, (signal) =>
      askAzure(arm.endpoint, id, signal),
    );
    const isOther = domainName !== undefined && domainName.toLowerCase() !== host.toLowerCase();
    // Other names and addresses may well lead to it: private endpoints have them.
    if (isOther && AZURE_HOST.test(host)) {
      return { notChecked: `The resource ${id.name} is reached at ${domainName}, not at ${host}.` };
    }
    return { server };
  } catch (error) {
    return {
      notChecked: `Azure Resource Manager did not describe ${id.name}: ${reasonOf(error)}.`,
    };
  }
}

/** The login may hang for longer than any request does. */
async function withTimeLimit<Result>(
  timeLimitMs: number,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const signal = AbortSignal.timeout(timeLimitMs);
  const limit = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  return await Promise.race([work(signal), limit]);
}

async function askAzure(
  endpoint: string,
  id: ServerId,
  abortSignal: AbortSignal,
): Promise<{ server: ArmServer; domainName: string | undefined }> {
  const [{ PostgreSQLManagementFlexibleServerClient: Client }, { DefaultAzureCredential }] =
    await Promise.all([import('@azure/arm-postgresql-flexible'), import('@azure/identity')]);
  const client = new Client(new DefaultAzureCredential(), id.subscriptionId, {
    endpoint,
    retryOptions: { maxRetries: 1 },
  });
  const found = await client.servers.get(id.resourceGroup, id.name, { abortSignal });
  const [replicaCount, allowedExtensions] = await Promise.all([
    countReplicas(client, id, abortSignal).catch(() => undefined),
    readAllowed(client, id, abortSignal).catch(() => undefined),
  ]);
  const { location, storage, sku, state } = found;
  const version = found.minorVersion === undefined ? found.version : versionOf(found);
  const server: ArmServer = {
    name: id.name,
    location,
    ...(version === undefined ? {} : { version }),
    ...(sku === undefined ? {} : { sku: { name: sku.name, tier: sku.tier } }),
    ...(storage?.storageSizeGB === undefined ? {} : { storageMb: storage.storageSizeGB * 1024 }),
    ...(storage?.autoGrow === undefined ? {} : { growsByItself: storage.autoGrow === 'Enabled' }),
    ...(state === undefined ? {} : { state }),
    ...(found.highAvailability?.mode === undefined
      ? {}
      : { highAvailability: found.highAvailability.mode }),
    ...(replicaCount === undefined ? {} : { replicaCount }),
    ...(allowedExtensions === undefined ? {} : { allowedExtensions }),
  };
  return { server, domainName: found.fullyQualifiedDomainName };
}

function versionOf({ version, minorVersion }: { version?: string; minorVersion?: string }): string {
  return `${version ?? ''}.${minorVersion ?? ''}`;
}

async function countReplicas(
  client: PostgreSQLManagementFlexibleServerClient,
  { resourceGroup, name }: ServerId,
  abortSignal: AbortSignal,
): Promise<number> {
  let count = 0;
  for await (const replica of client.replicas.listByServer(resourceGroup, name, { abortSignal })) {
    if (replica.name?.toLowerCase() !== name.toLowerCase()) count += 1;
  }
  return count;
}

async function readAllowed(
  client: PostgreSQLManagementFlexibleServerClient,
  { resourceGroup, name }: ServerId,
  abortSignal: AbortSignal,
): Promise<string[]> {
  const { configurations } = client;
  const { value = '' } = await configurations.get(resourceGroup, name, 'azure.extensions', {
    abortSignal,
  });
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** Never the answer's own text, which may name what the log should not have. */
function reasonOf(error: unknown): string {
  const { statusCode, code, name } = error as {
    statusCode?: number;
    code?: string;
    name?: string;
  };
  if (statusCode === 401 || statusCode === 403) {
    return 'the identity of this service may not read it (Microsoft.DBforPostgreSQL/flexibleServers/read)';
  }
  if (statusCode === 404) return 'there is no such server in the resource group';
  if (name === 'TimeoutError' || name === 'AbortError') return 'it did not answer in time';
  if (name === 'CredentialUnavailableError' || name === 'AggregateAuthenticationError') {
    return 'this service has no login to Azure';
  }
  return `the request failed (${code ?? statusCode ?? name ?? 'unknown'})`;
}
