import { qualifiedSql } from '../pg/copy/tables.ts';
import { findIdentityProblems } from '../pg/source/replicaIdentity.ts';
import { filterOf, someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';

/** Online: changes of unlogged tables are in no WAL, hence in no stream. */
export const unloggedTables: DatabaseRule = {
  id: 'unlogged-tables',
  type: 'SchemaValidation',
  severity: { online: 'Warning' },
  looksAt: 'Unlogged tables: their changes are in no WAL, hence in no stream.',
  remedy: 'None is needed. SET LOGGED makes the cutover shorter.',
  async check({ spec, source }) {
    const { unlogged } = await findIdentityProblems(source, filterOf(spec));
    if (unlogged.length === 0) return [];
    const names = someNames(unlogged.map(({ schema, name }) => `${schema}.${name}`));
    const message =
      `Changes of unlogged tables cannot be streamed (${names}); they are copied ` +
      'again at the cutover, which takes the longer the larger they are.';
    const statements = unlogged.map((table) => `alter table ${qualifiedSql(table)} set logged`);
    return [{ message, sql: { on: 'source', statements } }];
  },
};
