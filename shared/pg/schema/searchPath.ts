import { codeOf } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';

/** undefined table, column, function, object, schema: what a missing search_path looks like. */
const UNRESOLVED = new Set(['42P01', '42703', '42883', '42704', '3F000', '42P02']);

/**
 * Runs a statement inside a transaction under the empty search_path; when a name in a function, an
 * expression or a view does not resolve, once more under the default one of the source database.
 *
 * @returns whether the default search_path was needed.
 */
export async function runWithSearchPath(
  session: PgSession,
  sql: string,
  defaultSearchPath: string,
  savepoint: string,
): Promise<boolean> {
  try {
    await session.query(sql);
    return false;
  } catch (error) {
    if (!UNRESOLVED.has(codeOf(error) ?? '') || defaultSearchPath === '') throw error;
    await session.query(`rollback to savepoint ${savepoint}`);
    await session.query("select pg_catalog.set_config('search_path', $1, true)", [
      defaultSearchPath,
    ]);
    try {
      await session.query(sql);
    } catch {
      // The first message is the one that fits the dump.
      throw error;
    }
    await session.query("select pg_catalog.set_config('search_path', '', true)");
    return true;
  }
}
