import type { PgSession } from '../pg/connect.ts';

/**
 * Makes triggers, rules and foreign keys of the session stand still, as in a replica. False where
 * the user may not: then none of them may be there before the last change is applied.
 */
export async function becomeReplica(session: PgSession): Promise<boolean> {
  try {
    await session.query("set session_replication_role = 'replica'");
    return true;
  } catch {
    return false;
  }
}

/** Whether the session's user may; the session stays as it is. */
export async function canBeReplica(session: PgSession): Promise<boolean> {
  const can = await becomeReplica(session);
  if (can) await session.query('reset session_replication_role');
  return can;
}
