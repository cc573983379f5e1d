import type { ServerSpec } from '../contracts/records.ts';
import { invalidProperty } from './errors.ts';
import type { AUTH_KINDS } from './vocabulary.ts';

type AuthKind = (typeof AUTH_KINDS)[number];

/**
 * A token opens every server that knows the identity, so that only servers of Azure, whose
 * certificate is checked, get one: a caller who may name any host could collect it otherwise.
 */
const TAKES_TOKENS = /^[a-z0-9.-]+\.postgres\.(?:database|cosmos)\.azure\.com$/i;

/**
 * How a side logs in, as the record has it.
 *
 * @throws ApiError 400 that names the property when the side is none that may get a token.
 */
export function authOf(
  given: AuthKind | undefined,
  server: ServerSpec,
  property: 'sourceAuth' | 'targetAuth',
): ServerSpec['auth'] {
  const isEntra = given === undefined ? server.auth === 'entra' : given === 'Entra';
  if (!isEntra) return undefined;
  const target = `properties.${property}`;
  if (!TAKES_TOKENS.test(server.host)) {
    const message = `Property '${target}' can be Entra only for a server in Azure (….postgres.database.azure.com).`;
    throw invalidProperty(target, message);
  }
  if (server.tls.mode !== 'verify-full') {
    const tls = property === 'sourceAuth' ? 'sourceTls' : 'targetTls';
    const message = `Property '${target}' Entra needs ${tls}.mode (or sslMode) verify-full: a token goes to a server that is known for certain.`;
    throw invalidProperty(target, message);
  }
  return 'entra';
}
