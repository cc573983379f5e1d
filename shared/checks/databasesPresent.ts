import pg from 'pg';
import { someNames } from './rule.ts';
import type { Finding, ServerRule } from './rule.ts';

export const databasesPresent: ServerRule = {
  id: 'source-databases',
  type: 'AuthenticationAndConnectivityValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603102', '603110'],
  looksAt: "Whether the databases are on the source, and the source's user may connect to them.",
  remedy: 'Check the names in dbsToMigrate; GRANT CONNECT.',
  async check({ source, databases = [] }) {
    const { rows } = await source.query<{ name: string; open: boolean; user: string }>(
      `select datname as name, current_user as user,
         datallowconn and pg_catalog.has_database_privilege(datname, 'connect') as open
       from pg_catalog.pg_database where datname = any ($1) order by 1`,
      [databases],
    );
    const there = new Set(rows.map(({ name }) => name));
    const missing = databases.filter((name) => !there.has(name));
    const findings: Finding[] = [];
    if (missing.length > 0) {
      const message = `Databases that are not on the source: ${someNames(missing)}.`;
      findings.push({ message, steps: 'Check dbsToMigrate.' });
    }
    const closed = rows.filter(({ open }) => !open);
    if (closed.length > 0) {
      const statements = closed.map(
        ({ name, user }) =>
          `grant connect on database ${pg.escapeIdentifier(name)} to ${pg.escapeIdentifier(user)}`,
      );
      findings.push({
        code: '603110',
        message: `The source's user may not connect to ${someNames(closed.map(({ name }) => name))}.`,
        sql: { on: 'source', statements },
      });
    }
    return findings;
  },
};
