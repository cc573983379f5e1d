import pg from 'pg';
import type { PgSession } from '../pg/connect.ts';
import type { DatabaseRule, Finding } from './rule.ts';
import { collationRefusal } from './tryCollation.ts';

/** The database is created with its collation and character type, which the target has to know. */
export const databaseCollation: DatabaseRule = {
  id: 'database-collation',
  type: 'CollationsValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603401'],
  looksAt:
    "Whether the target server has the database's locale (LC_COLLATE and LC_CTYPE), tried in a " +
    'transaction that is rolled back. A Warning where the encoding keeps that from being tried.',
  remedy: 'Install the locale on the target, or create the target database with another one.',
  needs: 'TEMPORARY on the target database postgres, to try them',
  async check({ database, spec, source, target, existing, isOverwriteWanted }) {
    if (existing !== undefined && isOverwriteWanted !== true) return [];
    const sql = `select datcollate as collate, datctype as ctype,
        pg_catalog.pg_encoding_to_char(encoding) as encoding
      from pg_catalog.pg_database where datname = pg_catalog.current_database()`;
    type Row = Record<'collate' | 'ctype' | 'encoding', string>;
    const row = (await source.query<Row>(sql)).rows[0];
    if (row === undefined) return [];
    const known = await target.query<{ name: string }>(
      `select collcollate as name from pg_catalog.pg_collation where collcollate = any ($1)
       union select datcollate from pg_catalog.pg_database where datcollate = any ($1)`,
      [[row.collate, row.ctype]],
    );
    const names = new Set([...known.rows.map(({ name }) => name), 'C', 'POSIX', 'C.UTF-8']);
    const missing: string[] = [];
    for (const name of new Set([row.collate, row.ctype])) {
      if (!names.has(name) && !(await isCreatable(target, name))) missing.push(name);
    }
    if (missing.length === 0) return [];
    const there = (await target.query<Row>(sql)).rows[0];
    const name = pg.escapeIdentifier(spec.targetDbNames?.[database] ?? database);
    const finding: Finding = {
      // A locale of another encoding than the session's is refused though it be there.
      ...(there?.encoding === row.encoding ? {} : { state: 'Warning' }),
      message:
        `The target server has no locale ${missing.join(', ')}. Install it there, or create the ` +
        'target database yourself with another one, in which text sorts otherwise.',
      sql: {
        on: 'target',
        statements: [
          `create database ${name} template template0 encoding ${pg.escapeLiteral(row.encoding)} ` +
            "lc_collate 'C' lc_ctype 'C'",
        ],
      },
    };
    return [finding];
  },
};

/** By any of the names that the same locale has. */
async function isCreatable(target: PgSession, locale: string): Promise<boolean> {
  const stem = /^(.*)\.utf-?8$/i.exec(locale)?.[1];
  const spellings = stem === undefined ? [locale] : [locale, `${stem}.UTF-8`, `${stem}.utf8`];
  for (const name of spellings) {
    const libc = { provider: 'c', collate: name, ctype: name, locale: null, isDeterministic: null };
    if ((await collationRefusal(target, libc)) === undefined) return true;
  }
  return false;
}
