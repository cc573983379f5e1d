import type { DatabaseRule } from './rule.ts';

/** Online: large objects live in a system catalog, whose changes are not decoded. */
export const largeObjects: DatabaseRule = {
  id: 'large-objects',
  type: 'SchemaValidation',
  severity: { online: 'Warning' },
  looksAt: 'Large objects: they live in a system catalog, whose changes are not decoded.',
  remedy: 'None is needed. Drop those that nothing refers to (vacuumlo) for a shorter cutover.',
  async check({ source }) {
    const { rows } = await source.query('select from pg_catalog.pg_largeobject_metadata limit 1');
    if (rows.length === 0) return [];
    const message =
      'Changes of large objects cannot be streamed; those that differ are copied at ' +
      'the cutover, for which all of them are read.';
    return [{ message }];
  },
};
