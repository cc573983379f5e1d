import type { TokenCredential } from '@azure/identity';
import { MigrationError } from '../errors/migrationError.ts';

/** What Azure Database for PostgreSQL takes tokens for. */
export const ENTRA_SCOPE = 'https://ossrdbms-aad.database.windows.net/.default';

/**
 * A password that is an Entra token, asked for at every connect: the credential keeps a token until
 * shortly before it ends (about an hour), so that a long migration never shows an old one.
 *
 * @param credential Default: the process's identity, as `DefaultAzureCredential` finds it.
 */
export function entraPassword(credential?: TokenCredential): () => Promise<string> {
  return async () => {
    const used = credential ?? (await processCredential());
    const token = await used.getToken(ENTRA_SCOPE);
    if (token === null) {
      throw new MigrationError('authenticationFailed', 'The identity got no token for PostgreSQL.');
    }
    return token.token;
  };
}

let opened: Promise<TokenCredential> | undefined;

/** One for the process, because each has its own store of tokens. */
function processCredential(): Promise<TokenCredential> {
  opened ??= import('@azure/identity').then((m) => new m.DefaultAzureCredential());
  return opened;
}
