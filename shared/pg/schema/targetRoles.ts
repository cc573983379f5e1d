import type { PgSession } from '../connect.ts';

/** What the roles of the target allow the session's user. */
export interface TargetRoles {
  currentUser: string;
  exists(role: string): boolean;
  /** Whether the session's user may act as the role, and so give objects to it. */
  mayActAs(role: string): boolean;
}

export async function readTargetRoles(target: PgSession): Promise<TargetRoles> {
  // From 16 on membership alone does not allow SET ROLE.
  const right = target.serverVersion >= 160000 ? 'SET' : 'MEMBER';
  const { rows } = await target.query<{ name: string; may: boolean; isCurrent: boolean }>(
    `select rolname as name, pg_catalog.pg_has_role(current_user, oid, $1) as may,
       rolname = current_user as "isCurrent"
     from pg_catalog.pg_roles`,
    [right],
  );
  const byName = new Map(rows.map((row) => [row.name, row]));
  return {
    currentUser: rows.find((row) => row.isCurrent)?.name ?? '',
    exists: (role) => byName.has(role),
    mayActAs: (role) => byName.get(role)?.may === true,
  };
}

export function missingRoleReason(role: string): string {
  return `The role ${role} does not exist on the target.`;
}

export function notMemberReason(role: string): string {
  return `The target's user is not a member of the role ${role}.`;
}
