import { messageOf } from '../../errors/migrationError.ts';
import { tableMatcher } from '../copy/tableFilter.ts';
import type { PgEndpoint } from '../endpoint.ts';
import type { TableFilter } from '../tablePattern.ts';
import { columnForm } from './columnForm.ts';
import { readContentCatalog } from './contentCatalog.ts';
import type { ContentTable } from './contentCatalog.ts';
import { scanTables } from './contentScan.ts';
import type { ContentSum, ScanRequest } from './contentScan.ts';
import { pairTables } from './contentUnits.ts';
import type { ContentUnit, TableSelector } from './contentUnits.ts';
import { findDifferingKeys } from './differingKeys.ts';
import type { DifferingKeys } from './differingKeys.ts';
import { chooseRowHash } from './rowHash.ts';
import type { RowHashAlgorithm } from './rowHash.ts';
import { SidePool } from './sidePool.ts';

export type ContentMode = 'counts' | 'hash';

export interface TableComparison {
  schema: string;
  name: string;
  equal: boolean;
  /** Undefined on a side where the table is missing or cannot be read. */
  sourceRows: number | undefined;
  targetRows: number | undefined;
  /** 128 bits in hexadecimal, in the mode hash. */
  sourceHash?: string;
  targetHash?: string;
  differingKeys?: DifferingKeys;
  /** What differs, in words; no values of rows. Undefined when equal. */
  detail?: string;
}

export interface ContentProgress {
  tablesDone: number;
  tableCount: number;
  bytesDone: number;
  byteCount: number;
}

export interface ContentOptions extends TableFilter {
  source: PgEndpoint;
  target: PgEndpoint;
  mode: ContentMode;
  /** Connections per side. Default: 2. */
  jobs?: number;
  /** An exported snapshot of the source to compare with. */
  sourceSnapshot?: string;
  /** Only these tables; a partitioned one stands for its leaves. */
  tables?: readonly { schema: string; name: string }[];
  /** How many keys of differing rows are listed per table; 0 does not look for them. Default: 100. */
  keyLimit?: number;
  /** The size from which on a table is read in parts. Default: 128 MiB. */
  partBytes?: number;
  applicationName?: string;
  signal?: AbortSignal;
  onProgress?: (progress: ContentProgress) => void;
}

/** Compares the rows of all tables of two databases; one entry per table, by schema and name. */
export async function compareContent(options: ContentOptions): Promise<TableComparison[]> {
  const { jobs = 2, applicationName = 'pgmove/compare', signal, sourceSnapshot } = options;
  const pool = { jobs, applicationName, signal };
  await using source = await SidePool.open(options.source, { ...pool, snapshot: sourceSnapshot });
  await using target = await SidePool.open(options.target, pool);
  const [sourceTables, targetTables] = await Promise.all([
    readContentCatalog(source.first),
    readContentCatalog(target.first),
  ]);
  const selection = pairTables(sourceTables, targetTables, tableSelector(options));
  const comparisons: TableComparison[] = [
    ...selection.sourceOnly.map((table) => missingTable(table, 'target')),
    ...selection.targetOnly.map((table) => missingTable(table, 'source')),
    ...(await compareUnits(source, target, selection.units, options)),
  ];
  return comparisons.sort((a, b) => compareText(a.schema, b.schema) || compareText(a.name, b.name));
}

export interface ContentVerification {
  tableCount: number;
  differences: { table: string; detail: string }[];
}

/** The content check of a migration: differences by table, without keys or values of rows. */
export async function verifyContent(options: ContentOptions): Promise<ContentVerification> {
  const tables = await compareContent({ ...options, keyLimit: 0 });
  return {
    tableCount: tables.length,
    differences: tables
      .filter((table) => !table.equal)
      .map((table) => ({ table: `${table.schema}.${table.name}`, detail: table.detail ?? '' })),
  };
}

function tableSelector(options: ContentOptions): TableSelector {
  const matches = tableMatcher(options);
  const listed = options.tables
    ? new Set(options.tables.map(({ schema, name }) => JSON.stringify([schema, name])))
    : undefined;
  return (names) => {
    const [table, ...ancestors] = names;
    if (table === undefined || !matches(table, ancestors)) return false;
    if (listed === undefined) return true;
    return names.some(({ schema, name }) => listed.has(JSON.stringify([schema, name])));
  };
}

interface UnitState {
  unit: ContentUnit;
  forms: string[] | undefined;
  source?: ContentSum | Error;
  target?: ContentSum | Error;
}

async function compareUnits(
  source: SidePool,
  target: SidePool,
  units: readonly ContentUnit[],
  options: ContentOptions,
): Promise<TableComparison[]> {
  const crossesFloatText = source.serverVersion < 120000 !== target.serverVersion < 120000;
  if (crossesFloatText) {
    // Version 12 changed the text of floats; at 0 both print the same 15 digits. This concerns only
    // floats inside of types that enter by their text: composites, ranges of users, extensions.
    await Promise.all([source, target].map((side) => side.set('set extra_float_digits = 0')));
  }
  const algorithm = await chooseRowHash(source.first, target.first);
  const comparisons: TableComparison[] = [];
  const states: UnitState[] = [];
  for (const unit of units) {
    const detail = columnDifference(unit);
    if (detail === undefined || options.mode === 'counts') {
      const forms =
        options.mode === 'counts'
          ? undefined
          : unitForms(unit, unit.source.columns, crossesFloatText);
      states.push({ unit, forms });
      continue;
    }
    const { schema, name } = unit;
    comparisons.push({
      schema,
      name,
      equal: false,
      sourceRows: undefined,
      targetRows: undefined,
      detail,
    });
  }
  await scanBothSides(source, target, algorithm, states, options);
  for (const state of states) {
    const comparison = compareSums(state, options.mode);
    comparisons.push(comparison);
    const keyLimit = options.keyLimit ?? 100;
    if (comparison.equal || comparison.sourceHash === undefined || keyLimit === 0) continue;
    comparison.differingKeys = await findKeys(source, target, algorithm, state, {
      crossesFloatText,
      limit: keyLimit,
      rowCount: Math.max(comparison.sourceRows ?? 0, comparison.targetRows ?? 0),
    });
  }
  return comparisons;
}

async function scanBothSides(
  source: SidePool,
  target: SidePool,
  algorithm: RowHashAlgorithm,
  states: readonly UnitState[],
  options: ContentOptions,
): Promise<void> {
  const progress: ContentProgress = {
    tablesDone: 0,
    tableCount: states.length,
    bytesDone: 0,
    byteCount: states.reduce((sum, { unit }) => sum + unit.source.sizeBytes, 0),
  };
  const scanSide = async (pool: SidePool, side: 'source' | 'target'): Promise<void> => {
    const byRequest = new Map<ScanRequest, UnitState>();
    for (const state of states) {
      const { unit, forms } = state;
      byRequest.set({ table: unit[side], isTree: unit.isTree, forms }, state);
    }
    const settings = { algorithm, partBytes: options.partBytes };
    await scanTables(pool, settings, [...byRequest.keys()], (request, outcome) => {
      const state = byRequest.get(request);
      if (state === undefined) return;
      state[side] = outcome;
      if (state.source === undefined || state.target === undefined) return;
      progress.tablesDone += 1;
      progress.bytesDone += state.unit.source.sizeBytes;
      options.onProgress?.({ ...progress });
    });
  };
  // When one side breaks, the other one is stopped by the closing of its connections.
  await Promise.all([scanSide(source, 'source'), scanSide(target, 'target')]);
}

interface KeyOptions {
  crossesFloatText: boolean;
  limit: number;
  rowCount: number;
}

async function findKeys(
  source: SidePool,
  target: SidePool,
  algorithm: RowHashAlgorithm,
  state: UnitState,
  options: KeyOptions,
): Promise<DifferingKeys> {
  const { unit, forms } = state;
  const keyColumns = unit.source.keyColumns ?? unit.target.keyColumns;
  const columns = keyColumns?.map((name) => unit.source.columns.find((c) => c.name === name));
  const keyForms = columns?.every((column) => column !== undefined)
    ? unitForms(unit, columns, options.crossesFloatText)
    : undefined;
  return findDifferingKeys(source, target, algorithm, {
    source: unit.source,
    target: unit.target,
    isTree: unit.isTree,
    forms: forms ?? [],
    keyForms,
    keyColumns: keyForms === undefined ? undefined : keyColumns,
    rowCount: options.rowCount,
    limit: options.limit,
  });
}

function unitForms(
  unit: ContentUnit,
  columns: readonly ContentTable['columns'][number][],
  crossesFloatText: boolean,
): string[] {
  const others = new Map(unit.target.columns.map((column) => [column.name, column]));
  return columns.map((column) =>
    columnForm(column, others.get(column.name) ?? column, crossesFloatText),
  );
}

function columnDifference(unit: ContentUnit): string | undefined {
  const names = (table: ContentTable) => new Set(table.columns.map((column) => column.name));
  const left = names(unit.source);
  const right = names(unit.target);
  const missing = [...left].filter((name) => !right.has(name));
  const extra = [...right].filter((name) => !left.has(name));
  if (missing.length === 0 && extra.length === 0) return undefined;
  const parts = [
    ...(missing.length > 0 ? [`columns missing on the target: ${missing.join(', ')}`] : []),
    ...(extra.length > 0 ? [`columns only on the target: ${extra.join(', ')}`] : []),
  ];
  return `rows not compared, ${parts.join('; ')}`;
}

function compareSums(state: UnitState, mode: ContentMode): TableComparison {
  const { unit, source, target, forms } = state;
  const { schema, name } = unit;
  const rowsOf = (sum: ContentSum | Error | undefined) =>
    sum === undefined || sum instanceof Error ? undefined : Number(sum.rows);
  const base = { schema, name, sourceRows: rowsOf(source), targetRows: rowsOf(target) };
  for (const [side, sum] of [['source', source] as const, ['target', target] as const]) {
    if (sum === undefined || sum instanceof Error) {
      const detail = `could not be read on the ${side}: ${messageOf(sum)}`;
      return { ...base, equal: false, detail };
    }
  }
  const left = source as ContentSum;
  const right = target as ContentSum;
  const hasHash = mode === 'hash' && forms !== undefined && forms.length > 0;
  const hashes = hasHash ? { sourceHash: hashText(left), targetHash: hashText(right) } : {};
  if (left.rows !== right.rows) {
    const detail = `${left.rows} rows on the source, ${right.rows} on the target`;
    return { ...base, ...hashes, equal: false, detail };
  }
  const isEqual = left.sums[0] === right.sums[0] && left.sums[1] === right.sums[1];
  if (isEqual) return { ...base, ...hashes, equal: true };
  const detail = `${left.rows} rows on both sides, but not the same ones`;
  return { ...base, ...hashes, equal: false, detail };
}

/** The two sums modulo 2^64, which is enough to compare by eye. */
function hashText(sum: ContentSum): string {
  return sum.sums.map((half) => BigInt.asUintN(64, half).toString(16).padStart(16, '0')).join('');
}

function missingTable(table: ContentTable, side: 'source' | 'target'): TableComparison {
  return {
    schema: table.schema,
    name: table.name,
    equal: false,
    sourceRows: undefined,
    targetRows: undefined,
    detail: `missing on the ${side}`,
  };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
