import type { ArchiveEntry } from './archive.ts';
import type { NotCarried } from './notCarried.ts';

/**
 * All that is known of the source's schema once pg_dump is done: plain data, so that it can be
 * stored as JSON and every later activity starts from it.
 */
export interface SchemaPlan {
  /** Runs before rows are copied, in this order. */
  preData: ArchiveEntry[];
  /** Runs after all rows and table indexes are in; without foreign keys. */
  postData: ArchiveEntry[];
  /** Runs after postData, in parallel. */
  foreignKeys: ArchiveEntry[];
  /**
   * ENABLE ROW LEVEL SECURITY: runs with the ownership, because with FORCE it would keep even the
   * tables' owner from checking foreign keys and filling materialized views.
   */
  rowSecurity: ArchiveEntry[];
  /** ACL and DEFAULT ACL. */
  privileges: ArchiveEntry[];
  /** The last step of all. */
  eventTriggers: ArchiveEntry[];
  /** Who owns what on the source. */
  owners: ObjectOwner[];
  /** Index work of ordinary tables and leaf partitions, by the table's oid on the source. */
  indexWork: Record<string, TableIndexWork>;
  materializedViews: MaterializedViewFact[];
  database: DatabaseFacts;
  /** pg_class oids (tables, views, sequences …) that the filter leaves out, with what depends on them. */
  leftOutRelationOids: number[];
  leftOut: NotCarried[];
}

export interface ObjectOwner {
  /** pg_dump's word: TABLE, FUNCTION … */
  type: string;
  schema: string;
  /** As ALTER … OWNER TO wants it: `table public.t`, `function public.f(integer)`. */
  object: string;
  owner: string;
}

export interface TableIndexWork {
  tableOid: number;
  schema: string;
  table: string;
  indexes: IndexWork[];
  /**
   * The dump's own statements for all of it, in order: what a small table runs at once.
   */
  sql: string;
}

/** One index, exclusion constraint, primary key or unique constraint. */
export interface IndexWork {
  /** Oid of the index on the source. */
  oid: number;
  schema: string;
  table: string;
  name: string;
  /** Size on the source. */
  bytes: number;
  /** Builds it; undefined where only the constraint's own statement can (exclusion constraints). */
  createSql: string | undefined;
  constraint: ConstraintWork | undefined;
  /** CLUSTER ON, REPLICA IDENTITY, SET STATISTICS: may run any number of times, run at the end. */
  tail: string[];
}

export interface ConstraintWork {
  name: string;
  /** `alter table only … add constraint … using index …`; undefined where that is impossible. */
  usingIndexSql: string | undefined;
  /** The dump's own ADD CONSTRAINT. */
  ownSql: string;
}

export interface MaterializedViewFact {
  oid: number;
  schema: string;
  name: string;
  isPopulated: boolean;
}

/** What create database and alter database need to know of the source's database. */
export interface DatabaseFacts {
  name: string;
  serverVersion: number;
  encoding: string;
  collate: string;
  ctype: string;
  /** libc, icu or builtin. */
  localeProvider: 'libc' | 'icu' | 'builtin';
  /** The ICU or builtin locale. */
  locale: string | undefined;
  icuRules: string | undefined;
  connectionLimit: number;
  comment: string | undefined;
  owner: string;
  /** `alter database set` (role '') and `alter role … in database set`: `name=value`. */
  settings: { role: string; setting: string }[];
  /** aclitems taken apart; undefined means PostgreSQL's default. */
  privileges: PrivilegeFact[] | undefined;
  /** The search_path that a session of the source's user has by default. */
  defaultSearchPath: string;
  hasPublicSchema: boolean;
}

export interface PrivilegeFact {
  /** '' is PUBLIC. */
  grantee: string;
  grantor: string;
  privilege: string;
  isGrantable: boolean;
}
