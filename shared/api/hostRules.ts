import { setTimeout as delay } from 'node:timers/promises';
import { addressesOf, refusalOf } from '../pg/addressRules.ts';
import { invalidProperty } from './errors.ts';

const LOOKUP_TIMEOUT_MS = 1_500;

/**
 * Refuses hosts that are not allowed, and link-local addresses always, also behind a name or in an
 * unusual notation. A name that cannot be resolved passes: the connection will tell, and looks at the
 * addresses again that it then finds.
 *
 * @param allowed Host names with `*`, addresses and CIDR ranges; empty allows every host.
 * @throws ApiError 400 that names the property.
 */
export async function refuseForbiddenHost(
  host: string,
  allowed: readonly string[],
  target: string,
): Promise<void> {
  const refusal = refusalOf(host, await addressesInTime(host), allowed);
  if (refusal === undefined) return;
  const reason =
    refusal === 'linkLocal'
      ? 'is a link-local address'
      : 'is not among the hosts that this installation allows (PGMOVE_ALLOWED_HOSTS)';
  throw invalidProperty(target, `Host '${host}' of '${target}' ${reason}.`);
}

async function addressesInTime(host: string): Promise<string[]> {
  const timer = new AbortController();
  const late = delay(LOOKUP_TIMEOUT_MS, [], { signal: timer.signal }).catch(() => []);
  const addresses = await Promise.race([addressesOf(host), late]);
  timer.abort();
  return addresses;
}
