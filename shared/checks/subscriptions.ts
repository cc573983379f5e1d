import pg from 'pg';
import { someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';

export const subscriptions: DatabaseRule = {
  id: 'logical-subscriptions',
  type: 'SchemaValidation',
  severity: { offline: 'Warning', online: 'Warning' },
  looksAt: 'Subscriptions: one on the target would fetch the same changes a second time.',
  remedy: 'Drop them on the source, and create them on the target after the migration.',
  needs: 'SELECT (subname, subdbid) on pg_subscription',
  async check({ source }) {
    if (source.serverVersion < 100000) return [];
    const { rows } = await source.query<{ name: string }>(
      `select s.subname as name from pg_catalog.pg_subscription s
       join pg_catalog.pg_database d on d.oid = s.subdbid
       where d.datname = pg_catalog.current_database() order by 1`,
    );
    if (rows.length === 0) return [];
    const names = rows.map(({ name }) => name);
    const message =
      `Subscriptions are not carried: ${someNames(names)}. Create them on the target after the ` +
      'migration (with copy_data = false), and drop them here then.';
    const statements = names.map((name) => `drop subscription ${pg.escapeIdentifier(name)}`);
    return [{ message, sql: { on: 'source', statements } }];
  },
};
