import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { invalidProperty } from './errors.ts';
import { isLinkLocal } from './linkLocal.ts';

const LOOKUP_TIMEOUT_MS = 1_500;

/**
 * Refuses hosts that are not allowed, and link-local addresses always, also behind a name or in an
 * unusual notation. A name that cannot be resolved passes: the connection will tell.
 *
 * @param allowed Host names with `*`, addresses and CIDR ranges; empty allows every host.
 * @throws ApiError 400 that names the property.
 */
export async function refuseForbiddenHost(
  host: string,
  allowed: readonly string[],
  target: string,
): Promise<void> {
  const addresses = await addressesOf(host);
  if (addresses.some(isLinkLocal)) {
    throw invalidProperty(target, `Host '${host}' of '${target}' is a link-local address.`);
  }
  if (allowed.length === 0 || allowed.some((pattern) => isAllowedBy(pattern, host, addresses)))
    return;
  throw invalidProperty(
    target,
    `Host '${host}' of '${target}' is not among the hosts that this installation allows (PGMOVE_ALLOWED_HOSTS).`,
  );
}

async function addressesOf(host: string): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  const timer = new AbortController();
  const resolved = lookup(host, { all: true }).then(
    (list) => list.map((item) => item.address),
    () => [],
  );
  const late = delay(LOOKUP_TIMEOUT_MS, [], { signal: timer.signal }).catch(() => []);
  const addresses = await Promise.race([resolved, late]);
  timer.abort();
  return addresses;
}

function isIn(list: BlockList, address: string): boolean {
  // An IPv4 address in IPv6 clothes (::ffff:169.254.169.254) is checked as what it is by Node.
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function isAllowedBy(pattern: string, host: string, addresses: readonly string[]): boolean {
  const [network, bits] = pattern.split('/');
  const family = isIP(network ?? '');
  if (network !== undefined && family !== 0) {
    const list = new BlockList();
    const kind = family === 6 ? 'ipv6' : 'ipv4';
    list.addSubnet(network, bits === undefined ? (family === 6 ? 128 : 32) : Number(bits), kind);
    // All of them: a name with one allowed and one other address could lead to either.
    return addresses.length > 0 && addresses.every((address) => isIn(list, address));
  }
  const expression = pattern
    .split('*')
    .map((part) => part.replace(/[.\\+?^${}()|[\]]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${expression}$`, 'i').test(host);
}
