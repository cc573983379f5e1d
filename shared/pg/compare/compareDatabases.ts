import { messageOf } from '../../errors/migrationError.ts';
import { tableMatcher } from '../copy/tableFilter.ts';
import type { PgEndpoint } from '../endpoint.ts';
import type { TableFilter } from '../tablePattern.ts';
import { compareSection } from './compareSection.ts';
import type { CompareRules, SectionComparison, SectionRow } from './compareSection.ts';
import { compareContent } from './content.ts';
import type { ContentProgress, TableComparison } from './content.ts';
import { readLargeObjects } from './largeObjects.ts';
import { chooseRowHash } from './rowHash.ts';
import { ACCESS_SECTIONS } from './sections/accessSections.ts';
import { OBJECT_SECTIONS } from './sections/objectSections.ts';
import type { Section, SectionContext } from './sections/section.ts';
import { TABLE_SECTIONS } from './sections/tableSections.ts';
import { readSequences } from './sequences.ts';
import { SidePool } from './sidePool.ts';

/** schema: no rows are read; counts: rows are counted; hash: rows are compared. */
export type CompareMode = 'schema' | 'counts' | 'hash';

export interface CompareOptions extends TableFilter {
  /** Default: hash. */
  mode?: CompareMode;
  /** Connections per side. Default: 2. */
  jobs?: number;
  /** Sections that are left out, by name: ownership, privileges, default privileges … */
  ignoreSections?: readonly string[];
  sourceSnapshot?: string;
  /** How many keys of differing rows are listed per table. Default: 100. */
  keyLimit?: number;
  applicationName?: string;
  signal?: AbortSignal;
  onProgress?: (progress: ContentProgress) => void;
}

export interface Comparison {
  equal: boolean;
  sections: SectionComparison[];
  tables: TableComparison[];
  durations: { schemaMs: number; contentMs: number };
}

/** The sections that depend on the roles of a server. */
export const PRIVILEGE_SECTIONS: readonly string[] = [
  'ownership',
  'privileges',
  'default privileges',
];

/** Compares two databases: every kind of object, large objects, and the rows of every table. */
export async function compareDatabases(
  source: PgEndpoint,
  target: PgEndpoint,
  options: CompareOptions = {},
): Promise<Comparison> {
  const { mode = 'hash' } = options;
  const start = performance.now();
  const sections = await compareSchemas(source, target, options);
  const afterSchema = performance.now();
  const tables =
    mode === 'schema' ? [] : await compareContent({ ...options, source, target, mode });
  return {
    equal:
      sections.every((section) => section.differences.length === 0) &&
      tables.every((table) => table.equal),
    sections,
    tables,
    durations: {
      schemaMs: Math.round(afterSchema - start),
      contentMs: Math.round(performance.now() - afterSchema),
    },
  };
}

type SideReader = (pool: SidePool) => Promise<SectionRow[]>;

async function compareSchemas(
  sourceEndpoint: PgEndpoint,
  targetEndpoint: PgEndpoint,
  options: CompareOptions,
): Promise<SectionComparison[]> {
  const { jobs = 2, applicationName = 'pgmove/compare', signal } = options;
  const pool = { jobs, applicationName, signal, usesIndexes: true };
  await using source = await SidePool.open(sourceEndpoint, {
    ...pool,
    snapshot: options.sourceSnapshot,
  });
  await using target = await SidePool.open(targetEndpoint, pool);
  const lowVersion = Math.min(source.serverVersion, target.serverVersion);
  const crossesMajor = majorOf(source.serverVersion) !== majorOf(target.serverVersion);
  const isSelected = rowSelector(options);
  const ignored = new Set(options.ignoreSections ?? []);
  const algorithm =
    options.mode === 'schema' ? undefined : await chooseRowHash(source.first, target.first);

  const compareBoth = async (
    name: string,
    read: SideReader,
    rules: CompareRules,
  ): Promise<SectionComparison> => {
    const [left, right] = await Promise.all(
      [source, target].map((side) => readSide(side, read, signal)),
    );
    const failures = [
      ...(left instanceof Error ? [`could not be read on the source: ${left.message}`] : []),
      ...(right instanceof Error ? [`could not be read on the target: ${right.message}`] : []),
    ];
    if (left instanceof Error || right instanceof Error || !left || !right) {
      const differences = failures.map((detail) => ({ object: name, detail }));
      return { name, sourceCount: 0, targetCount: 0, differences, notes: [] };
    }
    return compareSection(name, left.filter(isSelected), right.filter(isSelected), rules);
  };

  const catalogSections = [...OBJECT_SECTIONS, ...TABLE_SECTIONS, ...ACCESS_SECTIONS].filter(
    (section) => !ignored.has(section.name),
  );
  const work = catalogSections.map((section) => {
    const context = { lowVersion, crossesMajor };
    return compareBoth(section.name, (side) => readCatalog(side, section, context), {
      crossesMajor,
      definitions: section.definitions,
      noted: section.noted,
    });
  });
  if (!ignored.has('sequences')) {
    work.push(compareBoth('sequences', readSequences, { crossesMajor }));
  }
  if (!ignored.has('large objects')) {
    const read: SideReader = (side) => readLargeObjects(side, algorithm);
    work.push(compareBoth('large objects', read, { crossesMajor }));
  }
  // Awaited here, because the connections are closed when this function returns.
  return await Promise.all(work);
}

function majorOf(version: number): number {
  return version >= 100000 ? Math.floor(version / 10000) : Math.floor(version / 100);
}

/** An error of one section is a finding; a broken connection or a cancel is not. */
async function readSide(
  side: SidePool,
  read: SideReader,
  signal: AbortSignal | undefined,
): Promise<SectionRow[] | Error> {
  try {
    return await read(side);
  } catch (error) {
    if (signal?.aborted || side.isBroken(error)) throw error;
    return error instanceof Error ? error : new Error(messageOf(error));
  }
}

async function readCatalog(
  side: SidePool,
  section: Section,
  context: Omit<SectionContext, 'version'>,
): Promise<SectionRow[]> {
  const sql = section.sql({ ...context, version: side.serverVersion });
  return sql === undefined ? [] : side.query<SectionRow & Record<string, unknown>>(sql);
}

function rowSelector(filter: TableFilter): (row: SectionRow) => boolean {
  const matches = tableMatcher(filter);
  return ({ table_schema: schema, table_name: name }) =>
    schema === null || name === null || matches({ schema, name });
}
