import { findIdentityProblems } from '../pg/source/replicaIdentity.ts';
import { filterOf, someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';

/** Online: changes of unlogged tables are in no WAL, hence in no stream. */
export const unloggedTables: DatabaseRule = {
  id: 'unlogged-tables',
  type: 'SchemaValidation',
  async check({ spec, source }) {
    if (spec.mode !== 'Online') return [];
    const { unlogged } = await findIdentityProblems(source, filterOf(spec));
    if (unlogged.length === 0) return [];
    const names = someNames(unlogged.map(({ schema, name }) => `${schema}.${name}`));
    const message =
      `unlogged-tables: changes of unlogged tables cannot be streamed (${names}); they are copied ` +
      'again at the cutover, which takes the longer the larger they are.';
    return [{ state: 'Warning', message }];
  },
};
