import type { PgSession } from '../pg/connect.ts';
import { someNames } from './rule.ts';
import type { DatabaseRule, Finding } from './rule.ts';

/** T34, T79: another version of glibc or ICU sorts otherwise. */
export const collationVersions: DatabaseRule = {
  id: 'collation-versions',
  type: 'CollationsValidation',
  severity: { offline: 'Warning', online: 'Warning' },
  looksAt:
    'Collations whose version changed under the source, so that its indexes may be wrong, or is another one on the target.',
  remedy: 'REINDEX and REFRESH VERSION on the source. On the target indexes are built anew.',
  async check({ source, target }) {
    const findings: Finding[] = [];
    const { rows: stale } = await source.query<{ name: string; statement: string }>(
      `select pg_catalog.format('%I.%I', n.nspname, l.collname) as name,
         pg_catalog.format('alter collation %I.%I refresh version', n.nspname, l.collname)
           as statement
       from pg_catalog.pg_collation l join pg_catalog.pg_namespace n on n.oid = l.collnamespace
       where pg_catalog.to_jsonb(l) ->> 'collversion'
         <> pg_catalog.pg_collation_actual_version(l.oid) and exists (
           select from pg_catalog.pg_attribute a where a.attcollation = l.oid)
       order by 1`,
    );
    if (source.serverVersion >= 150000) {
      const { rows } = await source.query<{ name: string; statement: string }>(
        `select pg_catalog.quote_ident(datname) as name,
           pg_catalog.format('alter database %I refresh collation version', datname) as statement
         from pg_catalog.pg_database
         where datname = pg_catalog.current_database()
           and datcollversion <> pg_catalog.pg_database_collation_actual_version(oid)`,
      );
      stale.push(...rows);
    }
    if (stale.length > 0) {
      const message =
        'The version of these collations changed since the indexes of the source were built, which ' +
        `may miss rows: ${someNames(stale.map(({ name }) => name))}. Build them anew there.`;
      const { rows } = await source.query<{ name: string }>(
        'select pg_catalog.quote_ident(pg_catalog.current_database()) as name',
      );
      const statements = [
        `reindex database ${rows[0]?.name ?? ''}`,
        ...stale.map((row) => row.statement),
      ];
      findings.push({ message, sql: { on: 'source', statements } });
    }
    return [...findings, ...(await differences(source, target))];
  },
};

async function differences(source: PgSession, target: PgSession): Promise<Finding[]> {
  const { rows } = await source.query<{ name: string; version: string }>(
    `select distinct l.collname as name, pg_catalog.pg_collation_actual_version(l.oid) as version
     from pg_catalog.pg_attribute a join pg_catalog.pg_collation l on l.oid = a.attcollation
     where l.collnamespace = 'pg_catalog'::pg_catalog.regnamespace
       and pg_catalog.pg_collation_actual_version(l.oid) is not null order by 1`,
  );
  if (rows.length === 0) return [];
  const there = await target.query<{ name: string; version: string | null }>(
    `select collname as name, pg_catalog.pg_collation_actual_version(oid) as version
     from pg_catalog.pg_collation
     where collnamespace = 'pg_catalog'::pg_catalog.regnamespace and collname = any ($1)`,
    [rows.map(({ name }) => name)],
  );
  const versions = new Map(there.rows.map(({ name, version }) => [name, version]));
  const differing = rows.filter(({ name, version }) => {
    const other = versions.get(name);
    return other !== null && other !== undefined && other !== version;
  });
  if (differing.length === 0) return [];
  const names = differing.map(
    ({ name, version }) => `${name} (${version}, there ${versions.get(name) ?? ''})`,
  );
  const message =
    `Text may sort otherwise on the target, by another version of ${someNames(names)}: indexes are ` +
    'built anew there, but ranges of partitions and CHECK constraints over text may not fit.';
  return [{ message }];
}
