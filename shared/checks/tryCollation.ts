import pg from 'pg';
import { codeOf, messageOf } from '../errors/migrationError.ts';
import type { PgSession } from '../pg/connect.ts';

export interface CollationDefinition {
  /** c libc, i ICU, b builtin. */
  provider: string;
  collate: string | null;
  ctype: string | null;
  locale: string | null;
  isDeterministic: boolean | null;
}

/** What PostgreSQL says to the same definition; nothing of it stays. */
export async function collationRefusal(
  target: PgSession,
  collation: CollationDefinition,
): Promise<string | undefined> {
  const { provider, collate, ctype, locale, isDeterministic } = collation;
  const icuOrBuiltin = locale ?? collate ?? '';
  const options =
    provider === 'c'
      ? `lc_collate = ${pg.escapeLiteral(collate ?? '')}, lc_ctype = ${pg.escapeLiteral(ctype ?? '')}`
      : `provider = ${provider === 'i' ? 'icu' : 'builtin'}, locale = ${pg.escapeLiteral(icuOrBuiltin)}`;
  const deterministic = isDeterministic === false ? ', deterministic = false' : '';
  try {
    await target.query('begin read write');
    await target.query(`create collation pg_temp.pgmove_probe (${options}${deterministic})`);
    return undefined;
  } catch (error) {
    if (codeOf(error) === '42501') throw error;
    return messageOf(error);
  } finally {
    await target.query('rollback');
  }
}
