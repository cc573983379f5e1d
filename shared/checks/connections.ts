import type { PgSession } from '../pg/connect.ts';
import type { Finding, ServerRule } from './rule.ts';

/** Beside the jobs: per database a snapshot or a stream, and looks at both servers. */
const PER_DATABASE = 2;
const BESIDES = 2;

export const connections: ServerRule = {
  id: 'free-connections',
  type: 'ServerParametersValidation',
  severity: { offline: 'Warning', online: 'Warning' },
  looksAt:
    'Free connections of both servers, and the connection limit of both users, against jobs.',
  remedy: 'Fewer jobs, a higher max_connections or connection limit, or fewer clients.',
  async check({ spec, source, target, databaseCount }) {
    const jobs = spec.jobs ?? 1;
    const needed = jobs + PER_DATABASE * databaseCount + BESIDES;
    const findings: Finding[] = [];
    for (const [side, session] of [
      ['source', source],
      ['target', target],
    ] as const) {
      findings.push(...(await lacking(side, session, needed)));
    }
    return findings;
  },
};

async function lacking(
  side: 'source' | 'target',
  session: PgSession,
  needed: number,
): Promise<Finding[]> {
  const { rows } = await session.query<{
    user: string;
    max: number;
    reserved: number;
    used: number;
    role_limit: number;
    role_used: number;
    is_superuser: boolean;
  }>(
    `select pg_catalog.quote_ident(r.rolname) as user, r.rolsuper as is_superuser,
       pg_catalog.current_setting('max_connections')::int as max,
       (select sum(setting::int)::int from pg_catalog.pg_settings
        where name in ('superuser_reserved_connections', 'reserved_connections')) as reserved,
       (select count(*)::int from pg_catalog.pg_stat_activity
        where datid is not null and application_name not like 'pgmove/%') as used,
       r.rolconnlimit as role_limit,
       (select count(*)::int from pg_catalog.pg_stat_activity
        where usesysid = r.oid and application_name not like 'pgmove/%') as role_used
     from pg_catalog.pg_roles r where r.rolname = current_user`,
  );
  const row = rows[0];
  if (row === undefined) return [];
  const findings: Finding[] = [];
  const free = row.max - (row.is_superuser ? 0 : row.reserved) - row.used;
  if (free < needed) {
    findings.push({
      message:
        `The ${side} has ${Math.max(free, 0)} free connections of ${row.max}, and the migration uses ` +
        `up to ${needed}. Use fewer jobs, end other clients, or restart it after:`,
      sql: {
        on: side,
        statements: [`alter system set max_connections = ${row.max + needed - free}`],
      },
    });
  }
  if (row.role_limit >= 0 && !row.is_superuser && row.role_limit - row.role_used < needed) {
    findings.push({
      message:
        `${row.user} may have ${row.role_limit} connections to the ${side}, uses ${row.role_used} ` +
        `already, and the migration up to ${needed}.`,
      sql: {
        on: side,
        statements: [`alter role ${row.user} connection limit ${row.role_used + needed}`],
      },
    });
  }
  return findings;
}
