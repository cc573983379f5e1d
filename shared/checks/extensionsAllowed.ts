import pg from 'pg';
import { someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';
import { readExtensions } from './sourceExtensions.ts';

/** Azure creates only what the server parameter azure.extensions lists. */
export const extensionsAllowed: DatabaseRule = {
  id: 'extensions-allowed',
  type: 'ExtensionsValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603108'],
  looksAt:
    "Extensions that are not in the target's allow-list azure.extensions, where it has one: as the server says, or Azure.",
  remedy: 'Add them to the server parameter azure.extensions of the target.',
  async check({ source, target, allowedExtensions }) {
    const { rows } = await target.query<{ list: string | null }>(
      "select pg_catalog.current_setting('azure.extensions', true) as list",
    );
    const listed = rows[0]?.list?.split(',').map((name) => name.trim()) ?? allowedExtensions;
    if (listed === undefined) return [];
    const allowed = new Set(listed.map((name) => name.toLowerCase()));
    const missing = (await readExtensions(source))
      .map(({ name }) => name)
      .filter((name) => name !== 'plpgsql' && !allowed.has(name.toLowerCase()));
    if (missing.length === 0) return [];
    const value = [...listed.filter((name) => name !== ''), ...missing].join(',');
    const message = `The target does not allow the extensions ${someNames(missing)} (azure.extensions).`;
    const steps =
      'Set the server parameter (az postgres flexible-server parameter set --name azure.extensions ' +
      `--value ${value}); where the target is no Azure server:`;
    const statements = [
      `alter system set azure.extensions = ${pg.escapeLiteral(value)}`,
      'select pg_reload_conf()',
    ];
    return [{ message, steps, sql: { on: 'target', statements } }];
  },
};
