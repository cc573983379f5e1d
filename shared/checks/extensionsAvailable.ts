import pg from 'pg';
import { someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';

/** An extension of the source has to be installable on the target. */
export const extensionsAvailable: DatabaseRule = {
  id: 'extensions-available',
  type: 'ExtensionsValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603405'],
  looksAt: 'Extensions of the source that the target server does not have.',
  remedy: 'Install the extensions on the target, or drop them on the source.',
  async check({ source, target }) {
    const installed = await source.query<{ name: string }>(
      'select extname as name from pg_catalog.pg_extension order by 1',
    );
    const available = await target.query<{ name: string }>(
      'select name from pg_catalog.pg_available_extensions',
    );
    const known = new Set(available.rows.map(({ name }) => name));
    const missing = installed.rows.map(({ name }) => name).filter((name) => !known.has(name));
    if (missing.length === 0) return [];
    const message =
      `The target server does not have ${someNames(missing)}. ` +
      'Install the extensions there, or drop them on the source.';
    const statements = missing.map((name) => `drop extension ${pg.escapeIdentifier(name)}`);
    return [{ message, sql: { on: 'source', statements } }];
  },
};
