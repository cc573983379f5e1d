import type { DatabaseRule } from './rule.ts';

/** The database is created with its collation and character type, which the target has to know. */
export const databaseCollation: DatabaseRule = {
  id: 'database-collation',
  type: 'CollationsValidation',
  severity: { offline: 'Warning', online: 'Warning' },
  codes: ['603401'],
  looksAt: "Whether the target server has the database's locale (LC_COLLATE and LC_CTYPE).",
  remedy: 'Install the locale on the target, or create the target database with another one.',
  async check({ source, target }) {
    const { rows } = await source.query<{ collate: string; ctype: string }>(
      `select datcollate as collate, datctype as ctype
       from pg_catalog.pg_database where datname = pg_catalog.current_database()`,
    );
    const row = rows[0];
    if (row === undefined) return [];
    const known = await target.query<{ name: string }>(
      `select collcollate as name from pg_catalog.pg_collation where collcollate = any ($1)
       union select datcollate from pg_catalog.pg_database where datcollate = any ($1)`,
      [[row.collate, row.ctype]],
    );
    const names = new Set([...known.rows.map(({ name }) => name), 'C', 'POSIX', 'C.UTF-8']);
    const missing = [...new Set([row.collate, row.ctype])].filter((name) => !names.has(name));
    if (missing.length === 0) return [];
    const message =
      `The target server has no locale ${missing.join(', ')}. Install ` +
      'it there, or create the target database yourself with another one.';
    return [{ message }];
  },
};
