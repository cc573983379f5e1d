import { qualifiedSql } from '../pg/copy/tables.ts';
import { findIdentityProblems } from '../pg/source/replicaIdentity.ts';
import { filterOf, someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';

/** Online: without a replica identity, wal2json leaves UPDATE and DELETE out without a word. */
export const replicaIdentity: DatabaseRule = {
  id: 'replica-identity',
  type: 'SchemaValidation',
  severity: { online: 'Failed' },
  looksAt: 'Tables without a replica identity: wal2json leaves their UPDATE and DELETE out.',
  remedy:
    'A primary key that is not deferrable, REPLICA IDENTITY FULL, excludeTables, or ' +
    'setReplicaIdentityFull "True", with which this is a Warning.',
  async check({ spec, source }) {
    const { problems } = await findIdentityProblems(source, filterOf(spec));
    if (problems.length === 0) return [];
    const names = someNames(
      problems.map(({ schema, name, reason }) => `${schema}.${name} ${reason}`),
    );
    if (!spec.setReplicaIdentityFull) {
      const message =
        `UPDATE and DELETE of these tables would be lost: ${names}. Give them a ` +
        'primary key that is not deferrable, or a REPLICA IDENTITY, leave them out ' +
        '(excludeTables), or set setReplicaIdentityFull "True".';
      const statements = problems.map(
        (table) => `alter table ${qualifiedSql(table)} replica identity full`,
      );
      return [{ message, sql: { on: 'source', statements } }];
    }
    const { rows } = await source.query<{ name: string }>(
      `select t.schema || '.' || t.name as name
       from unnest($1::text[], $2::text[]) t (schema, name)
       join pg_catalog.pg_namespace n on n.nspname = t.schema
       join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = t.name
       where not pg_catalog.pg_has_role(c.relowner, 'usage') order by 1`,
      [problems.map(({ schema }) => schema), problems.map(({ name }) => name)],
    );
    if (rows.length > 0) {
      const message =
        "REPLICA IDENTITY FULL cannot be set by the source's user, who does not " +
        `own ${someNames(rows.map(({ name }) => name))}. Set it as their owner.`;
      return [{ message }];
    }
    const message =
      `These tables get REPLICA IDENTITY FULL until the migration ends: ${names}. ` +
      'Their updates and deletes write more WAL meanwhile, and are slower to apply.';
    return [{ state: 'Warning', message }];
  },
};
