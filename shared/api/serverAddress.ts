import { invalidProperty } from './errors.ts';

export interface ServerAddress {
  host: string;
  port: number;
  user?: string;
}

const DEFAULT_PORT = 5432;
const AZURE_DOMAIN = 'postgres.database.azure.com';

/** `20.228.214.65:5432@postgres`, `[::1]:5433`, `db.example@user@server`. */
const ADDRESS = /^(?:\[([^\]]+)\]|([^:@/\s[\]]+))(?::(\d{1,5}))?(?:@(.+))?$/s;
const ARM_ID =
  /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.DBforPostgreSQL\/(?:flexibleServers|servers)\/([A-Za-z0-9-]+)$/i;
const HOST = /^[A-Za-z0-9._:-]{1,255}$/;

/** Where a server of Azure is reached by its name. */
export function azureHostOf(serverName: string): string {
  return `${serverName.toLowerCase()}.${AZURE_DOMAIN}`;
}

/** `host`, `host:port` or `host:port@user`, an IPv6 address in brackets. */
export function parseAddress(text: string, target: string): ServerAddress {
  const match = ADDRESS.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? DEFAULT_PORT);
  if (host === undefined || !HOST.test(host) || port < 1 || port > 65_535) {
    throw invalidProperty(
      target,
      `Property '${target}' is not an address: write host:port@user or host:port, an IPv6 address in brackets.`,
    );
  }
  return match?.[4] === undefined ? { host, port } : { host, port, user: match[4] };
}

/** As parseAddress, or the ARM id of a Single or Flexible Server. */
export function parseResourceId(text: string, target: string): ServerAddress {
  const armName = ARM_ID.exec(text.trim())?.[1];
  if (armName !== undefined) return { host: azureHostOf(armName), port: DEFAULT_PORT };
  return parseAddress(text, target);
}
