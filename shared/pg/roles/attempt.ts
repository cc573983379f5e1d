import { isTransient, kindOf } from '../../errors/classify.ts';
import { messageOf } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import type { NotCarriedList } from '../schema/notCarried.ts';
import type { ExistingRole } from './targetRole.ts';

/** What the steps of one restore share. */
export interface RoleRestore {
  target: PgSession;
  me: ExistingRole;
  /** As before anything was created. */
  existing: ReadonlyMap<string, ExistingRole>;
  created: Set<string>;
  report: NotCarriedList;
}

/**
 * Runs a statement that may fail inside the transaction; answers the server's message then. It never
 * holds the statement, which may hold a password's hash.
 */
export async function attempt(target: PgSession, sql: string): Promise<string | undefined> {
  await target.query('savepoint pgmove_role');
  try {
    await target.query(sql);
    await target.query('release savepoint pgmove_role');
    return undefined;
  } catch (error) {
    if (isTransient(kindOf(error))) throw error;
    await target.query('rollback to savepoint pgmove_role');
    await target.query('release savepoint pgmove_role');
    return messageOf(error).replace(/\.$/, '');
  }
}
