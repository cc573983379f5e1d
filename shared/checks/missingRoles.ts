import pg from 'pg';
import { readTargetRoles } from '../pg/schema/targetRoles.ts';
import { readRoleUses } from './databaseRoles.ts';
import { someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';

/** Owners and grants of roles that the target lacks are not carried. */
export const missingRoles: DatabaseRule = {
  id: 'missing-roles',
  type: 'SchemaValidation',
  severity: { offline: 'Warning', online: 'Warning' },
  codes: ['603103'],
  looksAt:
    'Roles that own or were granted something of the database, or that policies or settings name, and that the target lacks.',
  remedy: 'CREATE ROLE on the target (pg_dumpall --globals-only), or migrateRoles "True".',
  async check({ spec, source, target }) {
    if (spec.migrateRoles === true) return [];
    const roles = await readTargetRoles(target);
    const missing = (await readRoleUses(source)).filter(({ role }) => !roles.exists(role));
    if (missing.length === 0) return [];
    const named = missing.map(({ role, isOwner }) => (isOwner ? `${role} (owner)` : role));
    const user = pg.escapeIdentifier(roles.currentUser);
    const statements = missing.flatMap(({ role, isOwner }) => {
      const name = pg.escapeIdentifier(role);
      // Whoever gives an object away has to be a member of the new owner.
      return isOwner
        ? [`create role ${name}`, `grant ${name} to ${user}`]
        : [`create role ${name}`];
    });
    const message =
      `The target does not have the roles ${someNames(named)}: what they own will belong to ` +
      `${roles.currentUser}, and what was granted to them is left out. Migrate them with ` +
      'migrateRoles "True", or create them.';
    return [{ message, sql: { on: 'target', statements } }];
  },
};
