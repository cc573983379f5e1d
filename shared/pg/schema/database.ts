import pg from 'pg';
import { kindOf, wrapError } from '../../errors/classify.ts';
import { codeOf, messageOf, MigrationError } from '../../errors/migrationError.ts';
import { connect } from '../connect.ts';
import type { ConnectOptions, PgSession } from '../connect.ts';
import type { PgEndpoint } from '../endpoint.ts';
import type { DatabaseFacts } from './plan.ts';

export { readDatabaseFacts } from './databaseFacts.ts';

export type TargetDatabaseState =
  | { state: 'absent' }
  // No user objects; hasControlSchema says whether a schema pgmove is there (another or this migration's).
  | { state: 'empty'; hasControlSchema: boolean }
  | { state: 'hasObjects'; hasControlSchema: boolean; count: number; objects: string[] };

const NAMED_OBJECTS = 5;

/** User objects: what initdb did not make, what no extension owns, what is not our own. */
const USER_OBJECTS = `
with namespaces as (
  select oid, nspname from pg_catalog.pg_namespace
  where nspname !~ '^pg_' and nspname not in ('information_schema', 'pgmove')
),
objects (class_oid, oid, name) as (
  select 'pg_catalog.pg_class'::pg_catalog.regclass::oid, c.oid, n.nspname || '.' || c.relname
  from pg_catalog.pg_class c join namespaces n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c')
  union all
  select 'pg_catalog.pg_proc'::pg_catalog.regclass::oid, p.oid, n.nspname || '.' || p.proname || '()'
  from pg_catalog.pg_proc p join namespaces n on n.oid = p.pronamespace
  union all
  select 'pg_catalog.pg_type'::pg_catalog.regclass::oid, t.oid, n.nspname || '.' || t.typname
  from pg_catalog.pg_type t join namespaces n on n.oid = t.typnamespace
  where t.typtype in ('d', 'e', 'r')
  union all
  select 'pg_catalog.pg_largeobject'::pg_catalog.regclass::oid, l.oid, 'large object ' || l.oid
  from pg_catalog.pg_largeobject_metadata l
)
select o.name, count(*) over () as count
from objects o
where not exists (
  select from pg_catalog.pg_depend d
  where d.classid = o.class_oid and d.objid = o.oid and d.deptype = 'e')
order by o.name
limit ${NAMED_OBJECTS}`;

/** `target` names the database; a session is opened into it when it exists. */
export async function targetDatabaseState(
  target: PgEndpoint,
  options: ConnectOptions,
): Promise<TargetDatabaseState> {
  let session: PgSession;
  try {
    session = await connect(target, options);
  } catch (error) {
    if (error instanceof MigrationError && error.kind === 'databaseMissing') {
      return { state: 'absent' };
    }
    throw error;
  }
  try {
    return await readDatabaseContent(session);
  } finally {
    await session.close();
  }
}

/** What stands in the session's database. */
export async function readDatabaseContent(
  session: PgSession,
): Promise<Exclude<TargetDatabaseState, { state: 'absent' }>> {
  const control = await session.query(
    "select from pg_catalog.pg_namespace where nspname = 'pgmove'",
  );
  const hasControlSchema = (control.rowCount ?? 0) > 0;
  const { rows } = await session.query<{ name: string; count: string }>(USER_OBJECTS);
  const first = rows[0];
  if (first === undefined) return { state: 'empty', hasControlSchema };
  return {
    state: 'hasObjects',
    hasControlSchema,
    count: Number(first.count),
    objects: rows.map((row) => row.name),
  };
}

/** template0, because only it takes another encoding and locale than its own. */
export function createDatabaseSql(
  name: string,
  facts: DatabaseFacts,
  serverVersion: number,
): string {
  const options = [
    'template template0',
    `encoding ${pg.escapeLiteral(facts.encoding)}`,
    `lc_collate ${pg.escapeLiteral(facts.collate)}`,
    `lc_ctype ${pg.escapeLiteral(facts.ctype)}`,
  ];
  if (serverVersion >= 150000) options.push(...localeOptions(facts, serverVersion));
  else if (facts.localeProvider !== 'libc') {
    throw new MigrationError(
      'versionUnsupported',
      `The database ${facts.name} uses the locale provider ${facts.localeProvider}, which the ` +
        'target (before PostgreSQL 15) does not have. Create the target database by hand.',
    );
  }
  return `create database ${pg.escapeIdentifier(name)} ${options.join(' ')}`;
}

function localeOptions(facts: DatabaseFacts, serverVersion: number): string[] {
  const options = [`locale_provider ${facts.localeProvider}`];
  if (facts.localeProvider === 'icu' && facts.locale !== undefined) {
    options.push(`icu_locale ${pg.escapeLiteral(facts.locale)}`);
    if (facts.icuRules !== undefined && serverVersion >= 160000) {
      options.push(`icu_rules ${pg.escapeLiteral(facts.icuRules)}`);
    }
  }
  if (facts.localeProvider === 'builtin' && facts.locale !== undefined) {
    options.push(`builtin_locale ${pg.escapeLiteral(facts.locale)}`);
  }
  return options;
}

/**
 * `admin` is connected to another database of the target server. Idempotent: a database that is
 * there already, or that another run made meanwhile, is success.
 */
export async function createTargetDatabase(
  admin: PgSession,
  name: string,
  facts: DatabaseFacts,
): Promise<void> {
  let failure: unknown;
  for (const collate of localeSpellings(facts.collate)) {
    const ctype = facts.ctype === facts.collate ? collate : facts.ctype;
    try {
      await admin.query(createDatabaseSql(name, { ...facts, collate, ctype }, admin.serverVersion));
      return;
    } catch (error) {
      if (isThere(error)) return;
      failure = error;
      if (!isUnknownLocale(error)) break;
    }
  }
  if (isUnknownLocale(failure)) {
    throw new MigrationError(
      'schemaFailed',
      `The target cannot create the database ${name} with the source's encoding ${facts.encoding} ` +
        `and locale ${facts.collate} / ${facts.ctype}: ${messageOf(failure)}. Install the locale ` +
        'on the target, or create the database there by hand with another one.',
      { cause: failure },
    );
  }
  if (codeOf(failure) === '42501') {
    throw new MigrationError(
      'permissionDenied',
      `The target's user may not create the database ${name}. Give it CREATEDB, or create the ` +
        'database and make the user its owner.',
      { cause: failure },
    );
  }
  if (failure instanceof MigrationError) throw failure;
  throw wrapError(failure, `The database ${name} could not be created on the target`);
}

/** duplicate_database, or the unique index of the catalog when two create it at once. */
function isThere(error: unknown): boolean {
  if (codeOf(error) === '42P04') return true;
  const { constraint } = error as { constraint?: unknown };
  return codeOf(error) === '23505' && constraint === 'pg_database_datname_index';
}

/** "invalid LC_COLLATE locale name": wrong_object_type, since 18 invalid_parameter_value. */
function isUnknownLocale(error: unknown): boolean {
  return ['42809', '22023'].includes(codeOf(error) ?? '');
}

/** The same locale has several names: en_US.UTF-8, en_US.utf8. */
function localeSpellings(locale: string): string[] {
  const match = /^(.*)\.utf-?8$/i.exec(locale);
  if (match === null) return [locale];
  return [...new Set([locale, `${match[1]}.UTF-8`, `${match[1]}.utf8`])];
}

/**
 * Only when overwriting is wanted. Ends the database's sessions where the user may; a database that
 * is not there is success.
 */
export async function dropTargetDatabase(admin: PgSession, name: string): Promise<void> {
  const identifier = pg.escapeIdentifier(name);
  try {
    await admin.query('set client_min_messages = error');
    if (admin.serverVersion >= 130000) {
      await admin.query(`drop database if exists ${identifier} with (force)`);
      return;
    }
    await admin.query(
      `select pg_catalog.pg_terminate_backend(pid)
       from pg_catalog.pg_stat_activity where datname = $1 and pid <> pg_catalog.pg_backend_pid()`,
      [name],
    );
    await admin.query(`drop database if exists ${identifier}`);
  } catch (error) {
    if (codeOf(error) === '42501') {
      throw new MigrationError(
        'permissionDenied',
        `The target's user may not drop the database ${name}: ${messageOf(error)}. Make it the ` +
          "database's owner and a member of pg_signal_backend, or drop the database by hand.",
        { cause: error },
      );
    }
    const isInUse = codeOf(error) === '55006';
    throw new MigrationError(
      isInUse ? 'targetOccupied' : kindOf(error),
      `The database ${name} could not be dropped on the target: ${messageOf(error)}.` +
        (isInUse ? ' End its sessions and drop its replication slots and subscriptions.' : ''),
      { cause: error },
    );
  } finally {
    await admin.query('reset client_min_messages').catch(() => undefined);
  }
}
