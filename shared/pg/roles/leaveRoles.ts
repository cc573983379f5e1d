import pg from 'pg';
import { messageOf } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import { notCarriedList } from '../schema/notCarried.ts';
import type { NotCarried } from '../schema/notCarried.ts';

/** Roles of `names` in which the session's user has made itself a member. */
async function ownMemberships(target: PgSession, names: readonly string[]): Promise<string[]> {
  const { rows } = await target.query<{ name: string }>(
    `select r.rolname as name from pg_catalog.pg_auth_members as a
       join pg_catalog.pg_roles as r on r.oid = a.roleid
       join pg_catalog.pg_roles as me on me.oid = a.member and me.oid = a.grantor
     where me.rolname = current_user and r.rolname = any ($1) order by 1`,
    [names],
  );
  return rows.map(({ name }) => name);
}

function revokeSql({ serverVersion }: PgSession, role: string): string {
  const revoke = `revoke ${pg.escapeIdentifier(role)} from current_user`;
  // From 16 on a role's maker is a member by the server's own grant, too, which stays.
  return serverVersion >= 160000 ? `${revoke} granted by current_user` : revoke;
}

/**
 * Ends the memberships that restoreRoles took to give objects to the new roles. Idempotent; what is
 * refused is reported with the statement.
 */
export async function leaveRoles(
  target: PgSession,
  names: readonly string[],
): Promise<NotCarried[]> {
  const report = notCarriedList();
  for (const name of await ownMemberships(target, names)) {
    try {
      await target.query(revokeSql(target, name));
    } catch (error) {
      const statement = revokeSql(target, name);
      const reason = `The target's user is still a member of the role (${messageOf(error)}). As that user: ${statement};`;
      report.add('roleMembership', name, reason);
    }
  }
  return report.items();
}

/** What leaveRoles would do, for a migration that may be resumed and needs the memberships then. */
export async function reportMemberships(
  target: PgSession,
  names: readonly string[],
): Promise<NotCarried[]> {
  const report = notCarriedList();
  for (const name of await ownMemberships(target, names)) {
    const reason = `The target's user stays a member of the role, which a resume needs. As that user, otherwise: ${revokeSql(target, name)};`;
    report.add('roleMembership', name, reason);
  }
  return report.items();
}
