import { someNames } from './rule.ts';
import type { DatabaseRule } from './rule.ts';
import { compareVersions, readExtensions } from './sourceExtensions.ts';

/** T55: extensions are created in the target's version; newer is an upgrade, older may lack things. */
export const extensionVersions: DatabaseRule = {
  id: 'extension-versions',
  type: 'ExtensionsValidation',
  severity: { offline: 'Warning', online: 'Warning' },
  codes: ['603406'],
  looksAt:
    'Extensions that the target has in an older version than the source, and PostGIS in another minor version.',
  remedy: 'Install the same or a newer version on the target.',
  async check({ source, target }) {
    const { rows } = await target.query<{ name: string; version: string | null }>(
      'select name, default_version as version from pg_catalog.pg_available_extensions',
    );
    const versions = new Map(rows.map(({ name, version }) => [name, version]));
    const differing = (await readExtensions(source)).flatMap(({ name, version }) => {
      const there = versions.get(name);
      if (there === null || there === undefined) return [];
      const isOlder = compareVersions(there, version) < 0;
      const isOtherPostgis = name.startsWith('postgis') && minorOf(there) !== minorOf(version);
      return isOlder || isOtherPostgis ? [`${name} (${version}, there ${there})`] : [];
    });
    if (differing.length === 0) return [];
    const message =
      `Extensions are created in the target's version, which functions and types of the source's may ` +
      `be missing from: ${someNames(differing)}. Install that version on the target, or make sure ` +
      'that nothing uses what is missing.';
    return [{ message }];
  },
};

function minorOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}
