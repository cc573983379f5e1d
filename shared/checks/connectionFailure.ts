import { kindOf } from '../errors/classify.ts';
import { messageOf } from '../errors/migrationError.ts';
import type { Finding, Severity } from './rule.ts';
import { messageOfFinding } from './runRules.ts';

/**
 * A server that cannot be reached. No rule of the registry: those have their sessions already. Its
 * facts have a rule's form for the documents.
 */
export const connectionFailure = {
  id: 'server-reachable',
  type: 'AuthenticationAndConnectivityValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603000', '603001', '603100'],
  looksAt:
    'Whether both servers can be reached, with TLS as sslMode wants it, and the logins are right.',
  remedy:
    'Network and firewall (603000), sslMode or certificates (603001), user and password (603100).',
} as const;

export function connectionFinding(
  side: 'source' | 'target',
  error: unknown,
): { state: Severity; message: string } {
  const { code, steps } = remedyOf(error);
  const text = `The ${side} cannot be reached. ${messageOf(error).replace(/\.?$/, '.')}`;
  const finding: Finding = { code, message: text, steps };
  return { state: 'Failed', message: messageOfFinding(connectionFailure, finding) };
}

function remedyOf(error: unknown): { code: string; steps: string } {
  const kind = kindOf(error);
  if (kind === 'tlsFailed') {
    return {
      code: '603001',
      steps:
        'Set sslMode to what the server offers (Prefer goes without TLS where it must), or give the ' +
        'certificates of its authority.',
    };
  }
  if (kind === 'authenticationFailed') {
    return {
      code: '603100',
      steps: 'Check user name and password, and that pg_hba.conf allows the user from here.',
    };
  }
  return {
    code: '603000',
    steps: 'Check host name and port, and that firewalls let this address through.',
  };
}
