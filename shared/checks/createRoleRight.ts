import type { ServerRule } from './rule.ts';

export const createRoleRight: ServerRule = {
  id: 'create-roles',
  type: 'AuthenticationAndConnectivityValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603116'],
  looksAt: "Whether the target's user may create roles, where migrateRoles is set.",
  remedy: 'CREATEROLE for the target\'s user, or migrateRoles "False".',
  async check({ spec, target }) {
    if (spec.migrateRoles !== true) return [];
    const { rows } = await target.query<{ user: string }>(
      `select pg_catalog.quote_ident(rolname) as user from pg_catalog.pg_roles
       where rolname = current_user and not rolsuper and not rolcreaterole`,
    );
    return rows.map(({ user }) => ({
      message: `${user} may not create roles on the target, and migrateRoles is "True".`,
      sql: { on: 'target' as const, statements: [`alter role ${user} createrole`] },
    }));
  },
};
