import type { Finding, ServerRule } from './rule.ts';

/**
 * A pooler that shares connections between sessions is refused by every connection
 * (shared/pg/pooler.ts). One that does not is good enough for a copy, and for the target.
 */
export const directConnection: ServerRule = {
  id: 'direct-connection',
  type: 'AuthenticationAndConnectivityValidation',
  severity: { offline: 'Warning', online: 'Failed' },
  looksAt: 'Whether source and target are reached through a connection pooler.',
  remedy: 'Give host and port of the server itself. On the target this is a Warning in both modes.',
  check({ spec, source, target }) {
    const findings: Finding[] = [];
    for (const [side, { isPooled }] of Object.entries({ source, target })) {
      if (!isPooled) continue;
      const isStreamed = side === 'source' && spec.mode === 'Online';
      const why = isStreamed
        ? 'its change stream needs the server itself'
        : 'it may run out of connections, or end those that take long';
      findings.push({
        state: isStreamed ? 'Failed' : 'Warning',
        message:
          `The ${side} is reached through a connection pooler: ${why}. Give host ` +
          'and port of the server.',
      });
    }
    return Promise.resolve(findings);
  },
};
