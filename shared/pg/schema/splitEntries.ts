import pg from 'pg';
import { isOfEventTrigger, isPrivilege } from './archive.ts';
import type { ArchiveEntry } from './archive.ts';
import { notCarriedList } from './notCarried.ts';
import type { NotCarried, NotCarriedList } from './notCarried.ts';
import type { ObjectOwner } from './plan.ts';

export interface SplitFacts {
  /** pg_class oids that the filter leaves out. */
  excludedOids: ReadonlySet<number>;
  /** Oids of indexes and constraints of ordinary tables and leaf partitions. */
  isOnOrdinaryTable(entry: ArchiveEntry): boolean;
}

/** The archive's entries by when they run; the order inside each list is the archive's. */
export interface SplitEntries {
  preData: ArchiveEntry[];
  indexWork: ArchiveEntry[];
  postData: ArchiveEntry[];
  foreignKeys: ArchiveEntry[];
  rowSecurity: ArchiveEntry[];
  privileges: ArchiveEntry[];
  eventTriggers: ArchiveEntry[];
  owners: ObjectOwner[];
  leftOutRelationOids: number[];
  leftOut: NotCarried[];
}

/** Settings of the dump's own session, and the database itself, which has steps of its own. */
const NOT_OBJECTS = new Set([
  'ENCODING',
  'STDSTRINGS',
  'SEARCHPATH',
  'DATABASE',
  'DATABASE PROPERTIES',
  'BLOB',
  'BLOBS',
  'BLOB METADATA',
  'STATISTICS DATA',
]);

export function splitEntries(entries: readonly ArchiveEntry[], facts: SplitFacts): SplitEntries {
  const report = notCarriedList();
  const byId = new Map(entries.map((entry) => [entry.dumpId, entry]));
  const ignored = closure(
    entries,
    entries.filter((entry) => NOT_OBJECTS.has(entry.type)),
  );
  const leftOut = closure(
    entries,
    entries.filter((entry) => entry.classOid === PG_CLASS && facts.excludedOids.has(entry.oid)),
  );
  reportLeftOut(entries, leftOut, byId, facts, report);
  const result: SplitEntries = {
    preData: [],
    indexWork: [],
    postData: [],
    foreignKeys: [],
    rowSecurity: [],
    privileges: [],
    eventTriggers: [],
    owners: [],
    leftOutRelationOids: entries
      .filter((entry) => leftOut.has(entry.dumpId) && entry.classOid === PG_CLASS)
      .map((entry) => entry.oid),
    leftOut: [],
  };
  for (const entry of entries) {
    if (ignored.has(entry.dumpId) || leftOut.has(entry.dumpId)) continue;
    if (entry.type === 'SUBSCRIPTION') {
      report.add('subscription', entry.name, SUBSCRIPTION_REASON);
      continue;
    }
    const owner = ownerOf(entry);
    if (owner) result.owners.push(owner);
    // "-- *not* creating schema, since initdb creates it": there for its owner and grants only.
    if (entry.sql === '' || /^--[^\n]*\n?$/.test(entry.sql)) continue;
    listFor(entry, result, byId, facts).push(entry);
  }
  result.leftOut = report.items();
  return result;
}

const PG_CLASS = 1259;

const SUBSCRIPTION_REASON =
  'Subscriptions are not carried: one on the target would fetch the same changes a second time. ' +
  'Create it on the target after the migration.';

function listFor(
  entry: ArchiveEntry,
  result: SplitEntries,
  byId: ReadonlyMap<number, ArchiveEntry>,
  facts: SplitFacts,
): ArchiveEntry[] {
  if (isPrivilege(entry)) return result.privileges;
  if (isOfEventTrigger(entry)) return result.eventTriggers;
  if (entry.type === 'FK CONSTRAINT') return result.foreignKeys;
  if (entry.type === 'ROW SECURITY') return result.rowSecurity;
  if (isIndexLike(entry) && facts.isOnOrdinaryTable(entry) && !needsPostData(entry, byId)) {
    return result.indexWork;
  }
  return isPostData(entry, byId) ? result.postData : result.preData;
}

function isIndexLike(entry: ArchiveEntry): boolean {
  return entry.type === 'INDEX' || entry.type === 'CONSTRAINT';
}

/** An index over a function that itself has to wait for a primary key cannot be built early. */
function needsPostData(entry: ArchiveEntry, byId: ReadonlyMap<number, ArchiveEntry>): boolean {
  return entry.dependencies.some((dumpId) => {
    const needed = byId.get(dumpId);
    return needed?.section === 'post' && !isIndexLike(needed);
  });
}

/** Comments and labels have no section of their own: they follow what they are about. */
function isPostData(entry: ArchiveEntry, byId: ReadonlyMap<number, ArchiveEntry>): boolean {
  if (entry.section !== 'none') return entry.section === 'post';
  return entry.dependencies.some((dumpId) => byId.get(dumpId)?.section === 'post');
}

/** The entries, and all that depend on them. */
function closure(entries: readonly ArchiveEntry[], roots: readonly ArchiveEntry[]): Set<number> {
  const found = new Set(roots.map((entry) => entry.dumpId));
  if (found.size === 0) return found;
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const entry of entries) {
      if (!found.has(entry.dumpId) && entry.dependencies.some((id) => found.has(id))) {
        found.add(entry.dumpId);
      }
    }
  }
  return found;
}

/** Things that go without a word when their own table is left out. */
const PARTS_OF_A_TABLE = new Set([
  'INDEX',
  'CONSTRAINT',
  'CHECK CONSTRAINT',
  'FK CONSTRAINT',
  'TRIGGER',
  'RULE',
  'POLICY',
  'ROW SECURITY',
  'DEFAULT',
  'STATISTICS',
]);

const NEVER_REPORTED = new Set([
  'SEQUENCE',
  'SEQUENCE OWNED BY',
  'COMMENT',
  'SECURITY LABEL',
  'ACL',
  'INDEX ATTACH',
  'TABLE ATTACH',
  'PUBLICATION TABLE',
]);

function reportLeftOut(
  entries: readonly ArchiveEntry[],
  leftOut: ReadonlySet<number>,
  byId: ReadonlyMap<number, ArchiveEntry>,
  facts: SplitFacts,
  report: NotCarriedList,
): void {
  for (const entry of entries) {
    if (!leftOut.has(entry.dumpId) || NEVER_REPORTED.has(entry.type)) continue;
    if (entry.classOid === PG_CLASS && facts.excludedOids.has(entry.oid)) continue;
    if (PARTS_OF_A_TABLE.has(entry.type) && !isOwnTableKept(entry, leftOut, byId)) continue;
    const object = `${entry.type.toLowerCase()} ${entry.schema}.${entry.name}`;
    if (entry.type === 'FK CONSTRAINT') {
      report.add('foreignKey', object, 'It refers to a table that the filter leaves out.');
    } else {
      report.add('excludedDependent', object, 'It depends on a table that the filter leaves out.');
    }
  }
}

function isOwnTableKept(
  entry: ArchiveEntry,
  leftOut: ReadonlySet<number>,
  byId: ReadonlyMap<number, ArchiveEntry>,
): boolean {
  return entry.dependencies.some((dumpId) => {
    const table = byId.get(dumpId);
    return (
      table?.classOid === PG_CLASS &&
      table.schema === entry.schema &&
      entry.name.startsWith(`${table.name} `) &&
      !leftOut.has(dumpId)
    );
  });
}

/** Types whose ALTER … OWNER TO takes the plain qualified name. */
const OWNED_BY_NAME = new Set([
  'COLLATION',
  'CONVERSION',
  'DOMAIN',
  'FOREIGN TABLE',
  'MATERIALIZED VIEW',
  'SEQUENCE',
  'STATISTICS',
  'TABLE',
  'TEXT SEARCH DICTIONARY',
  'TEXT SEARCH CONFIGURATION',
  'TYPE',
  'VIEW',
  'EVENT TRIGGER',
  'FOREIGN DATA WRAPPER',
  'SERVER',
  'PUBLICATION',
  'SCHEMA',
]);

/** Types that need their arguments, which the entry's DROP statement spells out. */
const OWNED_BY_SIGNATURE = new Set([
  'AGGREGATE',
  'FUNCTION',
  'OPERATOR',
  'OPERATOR CLASS',
  'OPERATOR FAMILY',
  'PROCEDURE',
]);

function ownerOf(entry: ArchiveEntry): ObjectOwner | undefined {
  if (entry.owner === '') return undefined;
  const { type, owner } = entry;
  const of = (object: string) => ({ object, owner, type, schema: entry.schema });
  if (OWNED_BY_NAME.has(type)) {
    const name = pg.escapeIdentifier(entry.name);
    return of(
      `${type.toLowerCase()} ${entry.schema === '' ? '' : `${pg.escapeIdentifier(entry.schema)}.`}${name}`,
    );
  }
  if (type === 'PROCEDURAL LANGUAGE') return of(`language ${pg.escapeIdentifier(entry.name)}`);
  if (!OWNED_BY_SIGNATURE.has(type)) return undefined;
  return of(entry.dropSql.replace(/^DROP /, '').replace(/;\s*$/, ''));
}
