import { someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';

/** PostgreSQL itself lets a trusted extension be created there; Azure does not. */
export const extensionsSchema: DatabaseRule = {
  id: 'extensions-schema',
  type: 'ExtensionsValidation',
  severity: { offline: 'Warning', online: 'Warning' },
  codes: ['603407'],
  looksAt:
    "Extensions that were put into a schema of the system, though they need not be there: a newer version or another target may refuse that. Failed where the target's extensions are those of Azure (azure.extensions).",
  remedy: 'ALTER EXTENSION … SET SCHEMA on the source.',
  async check({ source, target, allowedExtensions }) {
    const { rows } = await source.query<{ name: string; statement: string }>(
      `select pg_catalog.format('%I (%I)', e.extname, n.nspname) as name,
         pg_catalog.format('alter extension %I set schema public', e.extname) as statement
       from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
       where e.extrelocatable and (n.nspname ~ '^pg_' or n.nspname = 'information_schema')
       order by 1`,
    );
    if (rows.length === 0) return [];
    const { rowCount } = await target.query(
      "select where pg_catalog.current_setting('azure.extensions', true) is not null",
    );
    const isAzure = rowCount === 1 || allowedExtensions !== undefined;
    return [
      {
        ...(isAzure ? { state: 'Failed' } : {}),
        message: `Extensions are in a schema of the system: ${someNames(rows.map(({ name }) => name))}.`,
        sql: { on: 'source', statements: rows.map(({ statement }) => statement) },
      },
    ];
  },
};
