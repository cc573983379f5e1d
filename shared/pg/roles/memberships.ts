import pg from 'pg';
import { attempt } from './attempt.ts';
import type { RoleRestore } from './attempt.ts';
import type { DumpedMembership } from './parseRoles.ts';

interface Held {
  admin: boolean;
}

/** Makes the new roles members of what they were members of, and gives them their members. */
export async function grantMemberships(
  restore: RoleRestore,
  memberships: readonly DumpedMembership[],
): Promise<void> {
  const { target, existing, created, report } = restore;
  const held = await readMemberships(restore);
  const isThere = (name: string) => existing.has(name) || created.has(name);
  for (const membership of memberships) {
    const { role, member, admin } = membership;
    const what = `${member} in ${role}`;
    const absent = [role, member].find((name) => !isThere(name));
    if (absent !== undefined) {
      report.add('roleMembership', what, `There is no role ${absent} on the target.`);
      continue;
    }
    const has = held.get(keyOf(role, member));
    if (has !== undefined && (has.admin || !admin)) continue;
    if (!created.has(role) && !created.has(member)) {
      const reason = `Both roles were on the target before${admin ? ', where it has no admin option or is missing' : ''}: they are kept as they are.`;
      report.add('roleMembership', what, reason);
      continue;
    }
    const failure = await attempt(target, grantSql(target.serverVersion, membership));
    if (failure !== undefined) {
      report.add('roleMembership', what, `The grant is refused: ${failure}.`);
    } else {
      noteLostOptions(restore, membership, what);
    }
  }
}

function grantSql(serverVersion: number, membership: DumpedMembership): string {
  const { role, member, admin, inherit, set } = membership;
  const grant = `grant ${pg.escapeIdentifier(role)} to ${pg.escapeIdentifier(member)}`;
  if (serverVersion < 160000) return admin ? `${grant} with admin option` : grant;
  const options = [
    ...(admin ? ['admin true'] : []),
    ...(inherit === undefined ? [] : [`inherit ${inherit}`]),
    ...(set === undefined ? [] : [`set ${set}`]),
  ];
  return options.length === 0 ? grant : `${grant} with ${options.join(', ')}`;
}

/** Before 16 a membership has no options of its own. */
function noteLostOptions(
  { target, report }: RoleRestore,
  { inherit, set }: DumpedMembership,
  what: string,
): void {
  if (target.serverVersion >= 160000) return;
  const lost = [
    ...(inherit === false ? ['INHERIT FALSE'] : []),
    ...(set === false ? ['SET FALSE'] : []),
  ];
  if (lost.length === 0) return;
  const reason = `The target knows no ${lost.join(' and ')} of a membership (16 and later do).`;
  report.add('roleMembership', what, reason);
}

/**
 * Objects are given to roles by a user that may act as them: the roles it made admit it, until
 * leaveRoles.
 */
export async function joinNewRoles(restore: RoleRestore): Promise<void> {
  const { target, me, created, report } = restore;
  if (me.flags.SUPERUSER || created.size === 0) return;
  const right = target.serverVersion >= 160000 ? 'set' : 'member';
  const { rows } = await target.query<{ name: string; may: boolean }>(
    `select rolname as name, pg_catalog.pg_has_role(current_user, oid, $2) as may
     from pg_catalog.pg_roles where rolname = any ($1)`,
    [[...created], right],
  );
  for (const { name } of rows.filter(({ may }) => !may)) {
    const failure = await attempt(
      target,
      grantSql(target.serverVersion, {
        role: name,
        member: me.name,
        admin: false,
        inherit: true,
        set: true,
      }),
    );
    if (failure === undefined) continue;
    const reason = `The target's user cannot become a member, and so give no object to the role: ${failure}.`;
    report.add('roleMembership', name, reason);
  }
}

async function readMemberships({ target }: RoleRestore): Promise<Map<string, Held>> {
  const { rows } = await target.query<{ role: string; member: string; admin: boolean }>(
    `select r.rolname as role, m.rolname as member, pg_catalog.bool_or(a.admin_option) as admin
     from pg_catalog.pg_auth_members as a
       join pg_catalog.pg_roles as r on r.oid = a.roleid
       join pg_catalog.pg_roles as m on m.oid = a.member
     group by 1, 2`,
  );
  return new Map(rows.map(({ role, member, admin }) => [keyOf(role, member), { admin }]));
}

function keyOf(role: string, member: string): string {
  return JSON.stringify([role, member]);
}
