import { userSchema } from './superuserOnly.ts';
import type { DatabaseRule, Finding } from './rule.ts';

/** T74: pg_dump, and offline the snapshot, lock all tables in one transaction. */
export const lockCapacity: DatabaseRule = {
  id: 'lock-capacity',
  type: 'SchemaValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  looksAt:
    "Tables against the source's max_locks_per_transaction (out of shared memory). A Warning where they take more than half of the locks.",
  remedy: 'Raise max_locks_per_transaction on the source, and restart it.',
  async check({ source }) {
    const { rows } = await source.query<{ tables: number; per: number; sessions: number }>(
      `select (select count(*)::int from pg_catalog.pg_class c
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace
           where c.relkind in ('r', 'p') and c.relpersistence <> 't'
             and ${userSchema('n.nspname')}) as tables,
         pg_catalog.current_setting('max_locks_per_transaction')::int as per,
         (select sum(setting::int)::int from pg_catalog.pg_settings
          where name in ('max_connections', 'max_prepared_transactions', 'autovacuum_max_workers',
            'max_worker_processes', 'max_wal_senders')) + 1 as sessions`,
    );
    const row = rows[0];
    if (row === undefined) return [];
    const { tables, per, sessions } = row;
    const capacity = per * sessions;
    if (tables * 2 <= capacity) return [];
    const wanted = Math.ceil((tables * 2) / sessions) + 1;
    const finding: Finding = {
      ...(tables <= capacity ? { state: 'Warning' } : {}),
      message:
        `${tables} tables are locked in one transaction, and the source has room for about ` +
        `${capacity} locks (max_locks_per_transaction ${per} for ${sessions} sessions). Restart the ` +
        'source after:',
      sql: {
        on: 'source',
        statements: [`alter system set max_locks_per_transaction = ${wanted}`],
      },
    };
    return [finding];
  },
};
