import type { BatchPlan } from '../../activities/steps/batchPlan.ts';
import { jobsToPlanFor, planDatabase } from '../../activities/steps/databasePlan.ts';
import type { DatabasePlan, DatabasePlanOptions } from '../../activities/steps/databasePlan.ts';
import type { PlannedTable } from '../../shared/pg/copy/format.ts';
import type { TableIndexWork } from '../../shared/pg/schema/plan.ts';
import { tablesOf } from './sizes.ts';
import type { Size } from './sizes.ts';

export interface SimulatedPlanOptions extends Pick<
  DatabasePlanOptions,
  'spec' | 'jobs' | 'openDatabases'
> {
  /** Of each table. */
  indexes: number;
}

const SERVER_VERSION = 170000;

/** What the activity makes of a database whose tables all have as many indexes. */
export function simulatedPlan(
  tables: readonly PlannedTable[],
  { indexes, ...options }: SimulatedPlanOptions,
): DatabasePlan {
  const indexWork = Object.fromEntries(
    tables.map((table) => [String(table.oid), indexWorkOf(table, indexes)]),
  );
  const serverVersion = SERVER_VERSION;
  return planDatabase(tables, { ...options, serverVersion, indexWork, defaultSearchPath: '' });
}

/** Units of work of all databases, if those that were begun first end first. */
export function allUnits(size: Size, jobs: number, indexes: number): number {
  const tables = tablesOf(size);
  const lanes = Math.min(jobs, size.databases);
  const spec = { mode: 'Offline', jobs } as const;
  const known = new Map<number, number>();
  let units = 0;
  for (let begun = 0; begun < size.databases; begun += 1) {
    const own = Math.floor(jobs / lanes) + (begun % lanes < jobs % lanes ? 1 : 0);
    const openDatabases = size.databases - Math.max(0, begun + 1 - lanes);
    const options = { spec, jobs: own, openDatabases, indexes };
    const planned = jobsToPlanFor(options);
    const count = known.get(planned) ?? unitCount(simulatedPlan(tables, options));
    known.set(planned, count);
    units += count;
  }
  return units;
}

/** Units of work that the plan comes to: its batches, then the indexes and the end of each large table. */
export function unitCount({ batches, planOf }: DatabasePlan): number {
  const units = new Map<number, number>();
  for (const { batch, hasIndexUnits, indexWork } of batches.map(planOf)) {
    const [item] = batch.items;
    if (!hasIndexUnits || item === undefined) continue;
    units.set(item.oid, indexCountOf({ indexWork }) + 1);
  }
  return batches.length + [...units.values()].reduce((sum, count) => sum + count, 0);
}

/** Of the batch's first table, which is its only one where its indexes are units of their own. */
export function indexCountOf({ indexWork }: Pick<BatchPlan, 'indexWork'>): number {
  return indexWork[0]?.indexes.length ?? 0;
}

function indexWorkOf({ oid, schema, name: table }: PlannedTable, indexes: number): TableIndexWork {
  return {
    tableOid: oid,
    schema,
    table,
    indexes: Array.from({ length: indexes }, (_, place) => {
      const name = `${table}_index_${place}`;
      const createSql = `CREATE INDEX ${name} ON ${schema}.${table} USING btree (id)`;
      const none = { bytes: 0, constraint: undefined, tail: [] };
      return { oid: oid * 100 + place, schema, table, name, createSql, ...none };
    }),
    sql: '',
  };
}
