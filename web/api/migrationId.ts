/** Where a migration is: the parts of its ARM id. */
export interface ServerScope {
  subscription: string;
  resourceGroup: string;
  server: string;
}

export interface MigrationKey extends ServerScope {
  name: string;
}

/** What one machine uses where Azure has a subscription. */
export const LOCAL_SUBSCRIPTION = '00000000-0000-0000-0000-000000000000';
export const LOCAL_RESOURCE_GROUP = 'local';

const ID =
  /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.DBforPostgreSQL\/flexibleServers\/([^/]+)\/migrations\/([^/]+)$/i;

export function parseMigrationId(id: string): MigrationKey | undefined {
  const [, subscription, resourceGroup, server, name] = ID.exec(id) ?? [];
  if (!subscription || !resourceGroup || !server || !name) return undefined;
  return { subscription, resourceGroup, server, name };
}

export function serverPath(scope: ServerScope): string {
  const { subscription, resourceGroup, server } = scope;
  return (
    `/subscriptions/${encodeURIComponent(subscription)}` +
    `/resourceGroups/${encodeURIComponent(resourceGroup)}` +
    `/providers/Microsoft.DBforPostgreSQL/flexibleServers/${encodeURIComponent(server)}`
  );
}

export function migrationPath(key: MigrationKey): string {
  return `${serverPath(key)}/migrations/${encodeURIComponent(key.name)}`;
}
