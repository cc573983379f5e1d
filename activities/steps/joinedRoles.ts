import type { NotCarried } from '../../shared/contracts/records.ts';
import { messageOf } from '../../shared/errors/migrationError.ts';
import { leaveRoles, reportMemberships } from '../../shared/pg/roles/leaveRoles.ts';
import type { ActivityEnvironment } from './defineActivity.ts';
import { openMaintenance } from './maintenanceSession.ts';
import { addNotCarried } from './notCarried.ts';

/**
 * Ends the memberships that the target's user took in roles it made, when all objects have their
 * owners; a migration that did not succeed keeps them for a resume. Idempotent; a target that is
 * away keeps no migration from its end.
 */
export async function settleJoinedRoles(
  env: ActivityEnvironment,
  isSuccess: boolean,
): Promise<void> {
  const { ref, newRoles = [], wanted } = env.record;
  if (newRoles.length === 0) return;
  try {
    const [first = 'postgres'] = wanted.databases;
    await using target = await openMaintenance(
      env.endpoint('target', first),
      `pgmove/${ref.name}/roles`,
    );
    const settle = isSuccess ? leaveRoles : reportMemberships;
    await noteOfMigration(env, addNotCarried([], await settle(target, newRoles)));
  } catch (error) {
    env.log.warn('memberships in new roles were not looked at', { error: messageOf(error) });
    const object = `roleMembership: ${newRoles.join(', ')}`;
    const reason = `Whether the target's user is still a member of the roles is not known: ${messageOf(error)}.`;
    await noteOfMigration(env, [{ object, reason }]);
  }
}

async function noteOfMigration(
  env: ActivityEnvironment,
  items: readonly NotCarried[],
): Promise<void> {
  await env.stores.migrations.update(env.record.ref, (row) => {
    // What an earlier run ended with is out of date.
    const others = (row.notCarried ?? []).filter(({ reason }) => !STAYS.test(reason));
    const isSame = others.length === (row.notCarried ?? []).length && items.length === 0;
    return isSame ? undefined : { record: { ...row, notCarried: [...others, ...items] } };
  });
}

const STAYS =
  /^(The target's user (is still|stays) a member of|Whether the target's user is still)/;
