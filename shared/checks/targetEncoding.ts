import pg from 'pg';
import type { DatabaseRule, Finding } from './rule.ts';

/** A database that pgmove creates has the source's encoding and locale: this is about one that is there. */
export const targetEncoding: DatabaseRule = {
  id: 'target-encoding',
  type: 'CollationsValidation',
  severity: { offline: 'Warning', online: 'Warning' },
  looksAt: 'The encoding and the locale of a target database that exists already.',
  remedy: "Drop the target database: it is created with the source's encoding and locale.",
  async check({ source, existing, isOverwriteWanted }) {
    if (existing === undefined || isOverwriteWanted === true) return [];
    const sql = `select datname as name, pg_catalog.pg_encoding_to_char(encoding) as encoding,
        datcollate || ' / ' || datctype as locale
      from pg_catalog.pg_database where datname = pg_catalog.current_database()`;
    const from = (await source.query<{ name: string; encoding: string; locale: string }>(sql))
      .rows[0];
    const into = (await existing.query<{ name: string; encoding: string; locale: string }>(sql))
      .rows[0];
    if (from === undefined || into === undefined) return [];
    const findings: Finding[] = [];
    const cure: Pick<Finding, 'sql'> = {
      sql: { on: 'target', statements: [`drop database ${pg.escapeIdentifier(into.name)}`] },
    };
    // UTF8 has every character of the others; bytes of SQL_ASCII are of none.
    const isWider = into.encoding === 'UTF8' && from.encoding !== 'SQL_ASCII';
    if (from.encoding !== into.encoding && !isWider) {
      const message =
        `The target database ${into.name} is in ${into.encoding}, the source in ${from.encoding}: ` +
        'text that the former does not have stops the copy. If it is dropped, it is created anew:';
      findings.push({ message, ...cure });
    }
    if (spelling(from.locale) !== spelling(into.locale)) {
      const message =
        `The target database ${into.name} has the locale ${into.locale}, the source ${from.locale}: ` +
        'text sorts otherwise there. If it is dropped, it is created anew:';
      findings.push({ message, ...cure });
    }
    return findings;
  },
};

/** C and POSIX are one, and so are UTF-8 and utf8. */
function spelling(locale: string): string {
  return locale.replaceAll('POSIX', 'C').replaceAll(/utf-?8/gi, 'utf8');
}
