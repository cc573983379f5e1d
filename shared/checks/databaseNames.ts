import { findingOn, someNames } from './rule.ts';
import type { ServerRule } from './rule.ts';
import { targetNames } from './targetNames.ts';

/** Databases that belong to the server or the service, never to a user. */
export const RESERVED_DATABASES: ReadonlySet<string> = new Set([
  'template0',
  'template1',
  'azure_sys',
  'azure_maintenance',
]);

const LONGEST_NAME_BYTES = 63;

/** As names on either side. */
export const databaseNames: ServerRule = {
  id: 'database-names',
  type: 'ServerParametersValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  looksAt: `Names that no database of a migration may have: ${[...RESERVED_DATABASES].join(', ')}, on either side; names on the target of more than ${LONGEST_NAME_BYTES} bytes, which PostgreSQL cuts; two databases with one name.`,
  remedy: 'Leave the database out of dbsToMigrate, or give another name in targetDbNames.',
  check(context) {
    const pairs = targetNames(context);
    const reserved = pairs.filter(
      ({ database, name }) => RESERVED_DATABASES.has(database) || RESERVED_DATABASES.has(name),
    );
    const long = pairs.filter(({ name }) => Buffer.byteLength(name) > LONGEST_NAME_BYTES);
    const doubled = pairs.filter(({ name }, at) =>
      pairs.some((other, index) => index < at && other.name === name),
    );
    return Promise.resolve([
      ...findingOn(reserved, (items) => ({
        message: `Databases of the server cannot be migrated: ${someNames(items.map(({ database }) => database))}.`,
        steps: 'Leave them out of dbsToMigrate, or name others in targetDbNames.',
      })),
      ...findingOn(long, (items) => ({
        message: `Names on the target are longer than ${LONGEST_NAME_BYTES} bytes: ${someNames(items.map(({ name }) => name))}.`,
        steps: 'Give shorter ones in targetDbNames.',
      })),
      ...findingOn(doubled, (items) => ({
        message: `Several databases would have one name on the target: ${someNames(items.map(({ name }) => name))}.`,
        steps: 'Give each its own in targetDbNames.',
      })),
    ]);
  },
};
