import pg from 'pg';
import { readDatabaseContent } from '../pg/schema/database.ts';
import type { DatabaseRule } from './rule.ts';

/** The migration waits at its gate until that is confirmed. */
export const targetObjects: DatabaseRule = {
  id: 'target-objects',
  type: 'SchemaValidation',
  severity: { offline: 'Warning', online: 'Warning' },
  codes: ['603101'],
  looksAt:
    'Objects in a target database that exists already, where overwriteDbsInTarget is not set.',
  remedy:
    'overwriteDbsInTarget "True", another name in targetDbNames, or drop the database by hand.',
  async check({ existing, isOverwriteWanted }) {
    if (existing === undefined || isOverwriteWanted === true) return [];
    const content = await readDatabaseContent(existing);
    if (content.state === 'empty') return [];
    const { rows } = await existing.query<{ name: string }>(
      'select pg_catalog.current_database() as name',
    );
    const name = rows[0]?.name ?? '';
    const message =
      `The target database ${name} has ${content.count} objects (${content.objects.join(', ')}). The ` +
      'migration waits until overwriteDbsInTarget is "True", which drops them; or name another ' +
      'database in targetDbNames, or drop it yourself.';
    const statements = [`drop database ${pg.escapeIdentifier(name)}`];
    return [{ message, sql: { on: 'target', statements } }];
  },
};
