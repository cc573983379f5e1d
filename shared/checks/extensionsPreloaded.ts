import pg from 'pg';
import type { DatabaseRule, Finding, Severity } from './rule.ts';
import { readExtensions } from './sourceExtensions.ts';

interface Preload {
  library: string;
  /** Failed: CREATE EXTENSION itself refuses. Warning: it is created, and does nothing. */
  severity: Severity;
}

const failed = (library: string): Preload => ({ library, severity: 'Failed' });
const warning = (library: string): Preload => ({ library, severity: 'Warning' });

/** Extensions that need their library in shared_preload_libraries. */
const PRELOADED: ReadonlyMap<string, Preload> = new Map([
  ['pg_cron', failed('pg_cron')],
  ['timescaledb', failed('timescaledb')],
  ['citus', failed('citus')],
  ['pgaudit', failed('pgaudit')],
  ['pglogical', failed('pglogical')],
  ['pg_stat_statements', warning('pg_stat_statements')],
  ['pg_hint_plan', warning('pg_hint_plan')],
  ['pg_partman', warning('pg_partman_bgw')],
  ['pg_prewarm', warning('pg_prewarm')],
]);

export const extensionsPreloaded: DatabaseRule = {
  id: 'extensions-preloaded',
  type: 'ExtensionsValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603109'],
  looksAt: `Extensions whose library is preloaded on the source and not on the target (${[...PRELOADED.keys()].join(', ')}). A Warning where the extension can be created without.`,
  remedy: 'Add the libraries to shared_preload_libraries of the target, and restart it.',
  needs: 'membership in pg_read_all_settings on both servers, to see shared_preload_libraries',
  async check({ source, target }) {
    const concerned = (await readExtensions(source)).flatMap(({ name }) => {
      const preload = PRELOADED.get(name);
      return preload === undefined ? [] : [{ name, ...preload }];
    });
    if (concerned.length === 0) return [];
    const sql = "select pg_catalog.current_setting('shared_preload_libraries') as list";
    const there = libraries((await target.query<{ list: string }>(sql)).rows[0]?.list ?? '');
    const here = await source
      .query<{ list: string }>(sql)
      .then(({ rows }) => libraries(rows[0]?.list ?? ''))
      .catch(() => undefined);
    const missing = concerned.filter(
      ({ library, severity }) =>
        !there.includes(library) &&
        // What works without being preloaded here does so there.
        (severity === 'Failed' || here === undefined || here.includes(library)),
    );
    const wanted = [...there, ...new Set(missing.map(({ library }) => library))];
    const statement = `alter system set shared_preload_libraries = ${wanted.map(pg.escapeLiteral).join(', ')}`;
    return missing.map(({ name, library, severity }): Finding => {
      const why =
        severity === 'Failed' ? 'it cannot be created' : 'it is created, and does nothing';
      return {
        state: severity,
        message: `${name} needs ${library} in shared_preload_libraries of the target; without, ${why}.`,
        steps: 'Set the server parameter and restart the target.',
        sql: { on: 'target', statements: [statement] },
      };
    });
  },
};

function libraries(list: string): string[] {
  return list
    .split(',')
    .map((name) => name.trim().replaceAll('"', ''))
    .filter((name) => name !== '');
}
