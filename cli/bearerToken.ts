import { EXIT, CommandError } from './exitCode.ts';

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * The header for a service that asks for Entra: PGMOVE_TOKEN has an access token for its application
 * (`az account get-access-token`). It goes nowhere unencrypted.
 */
export function bearerHeader(
  url: URL,
  env: NodeJS.ProcessEnv = process.env,
): { authorization?: string } {
  const token = env['PGMOVE_TOKEN'];
  if (token === undefined || token === '') return {};
  if (url.protocol === 'https:' || LOOPBACK.has(url.hostname)) {
    return { authorization: `Bearer ${token}` };
  }
  throw new CommandError(
    EXIT.usage,
    `PGMOVE_TOKEN is not sent to ${url.origin}: give an address with https.`,
  );
}
