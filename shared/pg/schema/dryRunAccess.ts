import type { PgSession } from '../connect.ts';
import { restoreEventTriggers } from './eventTriggers.ts';
import type { NotCarried } from './notCarried.ts';
import { giveOwnership } from './ownership.ts';
import type { SchemaPlan } from './plan.ts';
import { applyPrivileges, privilegeStatements } from './privileges.ts';
import { missingRoleReason } from './targetRoles.ts';

export interface AccessTry {
  /** What the migration would not carry, and why. */
  notCarried: NotCarried[];
  /** Roles that are to be created before the migration, so that nothing could be tried with them. */
  untriedRoles: string[];
}

/**
 * Gives the objects of a scratch database their owners and privileges, and creates its event
 * triggers, as the last steps of a migration do.
 *
 * @param failedIds Archive entries that could not be restored: their privileges are not tried.
 * @throws MigrationError schemaFailed for event triggers that the target refuses.
 */
export async function tryAccess(
  scratch: PgSession,
  plan: Pick<SchemaPlan, 'owners' | 'privileges' | 'eventTriggers'>,
  failedIds: ReadonlySet<number>,
  options: { migrateRoles: boolean },
): Promise<AccessTry> {
  const privileges = plan.privileges.filter(
    ({ dependencies }) => !dependencies.some((dumpId) => failedIds.has(dumpId)),
  );
  const notCarried = [
    ...(await giveOwnership(scratch, plan.owners)),
    ...(await applyPrivileges(scratch, { privileges })),
    ...(await restoreEventTriggers(scratch, plan)),
  ];
  if (!options.migrateRoles) return { notCarried, untriedRoles: [] };
  const roles = await missingRoles(scratch, plan);
  const reasons = roles.map(missingRoleReason);
  const isUntried = ({ reason }: NotCarried) => reasons.some((start) => reason.startsWith(start));
  const untriedRoles = roles.filter((role) =>
    notCarried.some(({ reason }) => reason.startsWith(missingRoleReason(role))),
  );
  return { notCarried: notCarried.filter((item) => !isUntried(item)), untriedRoles };
}

async function missingRoles(
  scratch: PgSession,
  plan: Pick<SchemaPlan, 'owners' | 'privileges'>,
): Promise<string[]> {
  const grantees = plan.privileges.flatMap((entry) =>
    privilegeStatements(entry).flatMap(({ grantee, actor }) => [grantee, actor]),
  );
  const named = new Set([...plan.owners.map(({ owner }) => owner), ...grantees]);
  const { rows } = await scratch.query<{ name: string }>(
    `select name from pg_catalog.unnest($1::text[]) as n (name)
     where not exists (select from pg_catalog.pg_roles where rolname = name) order by 1`,
    [[...named].filter((name) => name !== undefined)],
  );
  return rows.map(({ name }) => name);
}
