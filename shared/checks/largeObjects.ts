import type { DatabaseRule } from './rule.ts';

/** Online: large objects live in a system catalog, whose changes are not decoded. */
export const largeObjects: DatabaseRule = {
  id: 'large-objects',
  type: 'SchemaValidation',
  async check({ spec, source }) {
    if (spec.mode !== 'Online') return [];
    const { rows } = await source.query('select from pg_catalog.pg_largeobject_metadata limit 1');
    if (rows.length === 0) return [];
    const message =
      'large-objects: changes of large objects cannot be streamed; those that differ are copied at ' +
      'the cutover, for which all of them are read.';
    return [{ state: 'Warning', message }];
  },
};
