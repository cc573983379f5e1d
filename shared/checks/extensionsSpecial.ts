import pg from 'pg';
import type { DatabaseRule, Finding, Severity } from './rule.ts';
import { compareVersions, readExtensions } from './sourceExtensions.ts';

interface Special {
  severity: Severity;
  why: string;
}

/** Extensions whose rows, jobs or connections are more than a dump says. */
const SPECIAL: ReadonlyMap<string, Special> = new Map([
  [
    'timescaledb',
    {
      severity: 'Failed',
      why:
        'hypertables live in catalogs and chunks of their own, which only its own restore puts back. ' +
        'Migrate such databases with its tools, or turn hypertables into ordinary tables.',
    },
  ],
  [
    'citus',
    {
      severity: 'Failed',
      why: 'distributed tables live on other servers than the one connected to.',
    },
  ],
  [
    'postgis_topology',
    {
      severity: 'Warning',
      why:
        'its tables topology and layer are copied, but not the sequence topology.topology_id_seq: set ' +
        "it on the target with select setval('topology.topology_id_seq', max(id)) from topology.topology.",
    },
  ],
  [
    'postgis_tiger_geocoder',
    {
      severity: 'Warning',
      why: 'its settings are copied, and its loader has to be of the same version on both sides.',
    },
  ],
  [
    'postgres_fdw',
    {
      severity: 'Warning',
      why:
        'foreign tables go on reading the same servers, from the target; passwords in user mappings ' +
        'are carried only where they can be read.',
    },
  ],
  [
    'pg_partman',
    {
      severity: 'Warning',
      why:
        'its configuration is copied; partitions that it makes or drops during the migration are not ' +
        'followed. Stop its maintenance until the cutover, on both sides. A version 4 cannot become 5.',
    },
  ],
  [
    'pg_cron',
    {
      severity: 'Warning',
      why:
        'its jobs must not run on the target before the cutover (leave cron.database_name unset until ' +
        'then); they are to be created there again.',
    },
  ],
]);

export const extensionsSpecial: DatabaseRule = {
  id: 'extensions-special',
  type: 'ExtensionsValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603405'],
  looksAt: `Extensions that a dump does not carry whole: ${[...SPECIAL]
    .map(([name, { severity }]) => `${name} (${severity})`)
    .join(', ')}; pg_partman 4 on a target with 5 is Failed.`,
  remedy: 'As the finding says for each; DROP EXTENSION where nobody uses it.',
  async check({ source, target }) {
    const installed = (await readExtensions(source)).filter(({ name }) => SPECIAL.has(name));
    if (installed.length === 0) return [];
    const { rows } = await target.query<{ version: string | null }>(
      `select default_version as version from pg_catalog.pg_available_extensions
       where name = 'pg_partman'`,
    );
    const partman = rows[0]?.version ?? '0';
    return installed.map(({ name, version }): Finding => {
      const special = SPECIAL.get(name);
      const isBroken =
        name === 'pg_partman' &&
        compareVersions(version, '5') < 0 &&
        compareVersions(partman, '5') >= 0;
      return {
        state: isBroken ? 'Failed' : (special?.severity ?? 'Failed'),
        message: `${name}: ${special?.why ?? ''} Where nobody uses it, drop it.`,
        sql: { on: 'source', statements: [`drop extension ${pg.escapeIdentifier(name)}`] },
      };
    });
  },
};
