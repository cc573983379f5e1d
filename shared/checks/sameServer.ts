import type { PgSession } from '../pg/connect.ts';
import type { ServerRule } from './rule.ts';
import { targetNames } from './targetNames.ts';

/** Two names may lead to one server: its system identifier tells. */
export const sameServer: ServerRule = {
  id: 'same-server',
  type: 'AuthenticationAndConnectivityValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  looksAt:
    'Whether source and target are one server, and a database would be copied onto one of the source.',
  remedy: 'Check the addresses, or give another name in targetDbNames.',
  async check(context) {
    const names = targetNames(context);
    const message = await sameServerProblem(context.source, context.target, names);
    return message === undefined ? [] : [{ message }];
  },
};

export async function sameServerProblem(
  source: PgSession,
  target: PgSession,
  names: readonly { database: string; name: string }[],
): Promise<string | undefined> {
  const [from, to] = await Promise.all([systemIdentifier(source), systemIdentifier(target)]);
  if (from === undefined || from !== to) return undefined;
  const same = names.find(({ name }) => names.some(({ database }) => database === name));
  if (same === undefined) return undefined;
  return (
    `Source and target are the same server, and the database ${same.database} would be copied onto ` +
    'a database of the source. Give another name in targetDbNames.'
  );
}

/** Undefined where the user may not ask. */
async function systemIdentifier(session: PgSession): Promise<string | undefined> {
  try {
    const { rows } = await session.query<{ id: string }>(
      'select system_identifier::text as id from pg_catalog.pg_control_system()',
    );
    return rows[0]?.id;
  } catch {
    return undefined;
  }
}
