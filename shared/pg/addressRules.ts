import { lookup } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import type { LookupFunction, Socket } from 'node:net';
import { MigrationError } from '../errors/migrationError.ts';
import { isLinkLocal } from './linkLocal.ts';

/** Why a host may not be connected to. */
export type HostRefusal = 'linkLocal' | 'notAllowed';

/**
 * @param addresses All that the host's name leads to: with one allowed and one other it could lead
 *   to either.
 * @param allowed Host names with `*`, addresses and CIDR ranges; empty allows every host.
 */
export function refusalOf(
  host: string,
  addresses: readonly string[],
  allowed: readonly string[],
): HostRefusal | undefined {
  if (addresses.some(isLinkLocal)) return 'linkLocal';
  if (allowed.length === 0) return undefined;
  return allowed.some((pattern) => isAllowedBy(pattern, host, addresses))
    ? undefined
    : 'notAllowed';
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
    return addresses.length > 0 && addresses.every((address) => isIn(list, address));
  }
  const expression = pattern
    .split('*')
    .map((part) => part.replace(/[.\\+?^${}()|[\]]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${expression}$`, 'i').test(host);
}

function refusedError(host: string, refusal: HostRefusal): MigrationError {
  const reason =
    refusal === 'linkLocal'
      ? 'leads to a link-local address, which is never connected to'
      : 'is not among the hosts that this installation allows (PGMOVE_ALLOWED_HOSTS)';
  return new MigrationError('invalidInput', `host '${host}' ${reason}`);
}

/**
 * Makes a socket look at the very addresses that it is about to connect to. A check before would not
 * do: whoever owns the name can let it lead elsewhere the next moment.
 */
export function guardSocket<S extends Socket>(socket: S, allowed: readonly string[]): S {
  const connect = socket.connect.bind(socket) as Socket['connect'];
  const guarded = (port: number, host: string): Socket => {
    if (isIP(host) === 0) return connect({ port, host, lookup: guardedLookup(allowed) });
    const refusal = refusalOf(host, [host], allowed);
    if (refusal === undefined) return connect({ port, host });
    return socket.destroy(refusedError(host, refusal));
  };
  return Object.assign(socket, { connect: guarded });
}

function guardedLookup(allowed: readonly string[]): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, found) => {
      if (error !== null) {
        callback(error, '');
        return;
      }
      const addresses = found.map(({ address }) => address);
      const refusal = refusalOf(host, addresses, allowed);
      if (refusal !== undefined) callback(refusedError(host, refusal), '');
      else if (options.all === true) callback(null, found);
      else callback(null, found[0]?.address ?? '', found[0]?.family);
    });
  };
}

/**
 * The addresses that a program of PostgreSQL is to connect to in place of the name, which it would
 * look up by itself.
 *
 * @throws MigrationError invalidInput for a host that is refused, connectionFailed for one that cannot
 *   be resolved.
 */
export async function allowedAddresses(
  host: string,
  allowed: readonly string[],
): Promise<string[]> {
  const addresses = await addressesOf(host);
  const refusal = refusalOf(host, addresses, allowed);
  if (refusal !== undefined) throw refusedError(host, refusal);
  if (addresses.length > 0) return addresses;
  throw new MigrationError('connectionFailed', `The host '${host}' has no address.`);
}

/** Empty when the name cannot be resolved. */
export async function addressesOf(host: string): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  return new Promise((resolve) => {
    lookup(host, { all: true }, (error, found) =>
      resolve(error === null ? found.map(({ address }) => address) : []),
    );
  });
}
