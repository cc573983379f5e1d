import type { ServerRule } from './rule.ts';

/** PostgreSQL does not say how large its disk is; the service that runs it may. */
export const targetStorage: ServerRule = {
  id: 'target-storage',
  type: 'ServerParametersValidation',
  severity: { offline: 'Warning', online: 'Warning' },
  looksAt:
    "The databases' size against the target's storage, where that is known (25 % more is needed for the WAL of the copy).",
  remedy: 'Storage of 1.25 times the databases, or its growth by itself.',
  async check({ source, databases = [], targetStorageMb }) {
    if (targetStorageMb === undefined) return [];
    const { rows } = await source.query<{ mb: number }>(
      `select coalesce(sum(pg_catalog.pg_database_size(oid)), 0)::float8 / 1048576 as mb
       from pg_catalog.pg_database
       where datname = any ($1) and pg_catalog.has_database_privilege(datname, 'connect')`,
      [databases],
    );
    const needed = Math.ceil((rows[0]?.mb ?? 0) * 1.25);
    if (needed <= targetStorageMb) return [];
    const message =
      `The target has ${targetStorageMb} MB of storage, and ${needed} MB are advised. Enlarge it, or ` +
      'let it grow by itself.';
    return [{ ...(needed > targetStorageMb * 1.25 ? { state: 'Failed' } : {}), message }];
  },
};
