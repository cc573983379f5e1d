import pg from 'pg';
import { someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';

/** Online the server rule logical-replication says it: there they stop every database's slot. */
export const preparedTransactions: DatabaseRule = {
  id: 'prepared-transactions',
  type: 'SchemaValidation',
  severity: { offline: 'Warning' },
  looksAt: 'Prepared transactions: what they did is in no snapshot, and they keep their locks.',
  remedy: 'COMMIT PREPARED or ROLLBACK PREPARED.',
  async check({ source }) {
    const { rows } = await source.query<{ gid: string }>(
      `select gid from pg_catalog.pg_prepared_xacts
       where database = pg_catalog.current_database() order by 1`,
    );
    if (rows.length === 0) return [];
    const gids = rows.map(({ gid }) => gid);
    const message =
      `Prepared transactions are open: ${someNames(gids)}. What they did is not copied, and tables ` +
      'that they have locked cannot be. Commit them, or roll them back.';
    const statements = gids.map((gid) => `rollback prepared ${pg.escapeLiteral(gid)}`);
    return [{ message, sql: { on: 'source', statements } }];
  },
};
