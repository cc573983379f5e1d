import { someNames } from './rule.ts';
import type { ServerRule } from './rule.ts';
import { targetNames } from './targetNames.ts';

/** A database in use cannot be dropped. */
export const targetSessions: ServerRule = {
  id: 'target-sessions',
  type: 'AuthenticationAndConnectivityValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603111'],
  looksAt: "Whether the target's user may end sessions in databases that are to be overwritten.",
  remedy: 'GRANT pg_signal_backend.',
  async check(context) {
    if (context.isOverwriteWanted !== true) return [];
    const names = targetNames(context).map(({ name }) => name);
    const { rows } = await context.target.query<{ user: string; sessions: string }>(
      `select pg_catalog.quote_ident(current_user) as user, (
           select count(*) from pg_catalog.pg_stat_activity a
           where a.datname = any ($1) and not pg_catalog.pg_has_role(a.usesysid, 'member')
         ) as sessions
       from pg_catalog.pg_roles r
       where r.rolname = current_user and not r.rolsuper
         and not pg_catalog.pg_has_role('pg_signal_backend', 'usage')
         and exists (select from pg_catalog.pg_database where datname = any ($1))`,
      [names],
    );
    const row = rows[0];
    if (row === undefined) return [];
    const count = Number(row.sessions);
    const message =
      `${row.user} may not end sessions of others in ${someNames(names)}, which are to be overwritten; ` +
      `now there are ${count}.`;
    return [
      {
        // Without sessions there is nothing to end, but nothing keeps new ones away.
        ...(count === 0 ? { state: 'Warning' as const } : {}),
        message,
        sql: { on: 'target', statements: [`grant pg_signal_backend to ${row.user}`] },
      },
    ];
  },
};
