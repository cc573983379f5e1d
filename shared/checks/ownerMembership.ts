import pg from 'pg';
import { readTargetRoles } from '../pg/schema/targetRoles.ts';
import { readRoleUses } from './databaseRoles.ts';
import { someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';

/** Only a member of a role may give objects to it. */
export const ownerMembership: DatabaseRule = {
  id: 'owner-membership',
  type: 'SchemaValidation',
  severity: { offline: 'Warning', online: 'Warning' },
  looksAt:
    "Owners that the target has, and whose member the target's user is not (superusers among them).",
  remedy: "GRANT the role to the target's user.",
  async check({ source, target }) {
    const roles = await readTargetRoles(target);
    const closed = (await readRoleUses(source)).filter(
      ({ role, isOwner }) => isOwner && roles.exists(role) && !roles.mayActAs(role),
    );
    if (closed.length === 0) return [];
    const names = closed.map(({ role }) => role);
    const user = pg.escapeIdentifier(roles.currentUser);
    const message =
      `${roles.currentUser} is no member of ${someNames(names)} on the target, and cannot give ` +
      'objects to them: what they own will belong to it.';
    const statements = names.map((role) => `grant ${pg.escapeIdentifier(role)} to ${user}`);
    return [{ message, sql: { on: 'target', statements } }];
  },
};
