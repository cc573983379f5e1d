import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { SourceChange } from '../../contracts/records.ts';
import { kindOf, wrapError } from '../../errors/classify.ts';
import { codeOf, messageOf, MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import { inTransaction } from '../transaction.ts';
import { otherWriters, whoMayStillConnect } from './fenceGaps.ts';

export type FenceChange = Extract<SourceChange, { kind: 'fence' }>;

export interface FenceOptions {
  signal: AbortSignal;
  /** How long ended sessions may take to go, in milliseconds. Default 30,000. */
  waitMs?: number;
}

export interface FenceReport {
  /** Sessions that were ended. */
  endedSessions: number;
  /** Prepared transactions: whoever may connect can still commit them. */
  preparedTransactions: string[];
  /** Who or what may still write, as sentences. */
  warnings: string[];
}

/** Entry of an access list: who gave CONNECT to whom. The empty grantee is PUBLIC. */
interface Grant {
  grantor: string;
  grantee: string;
  grantable: boolean;
}

const SETTING = 'default_transaction_read_only';

/**
 * What a fence of the session's database would change, to be stored before `fence`. Not to be read
 * again while a fence stands: it would be the fence itself.
 *
 * @throws MigrationError permissionDenied when the user is not the database's owner.
 */
export async function readFenceBefore(session: PgSession, on: string): Promise<FenceChange> {
  const { rows } = await session.query<{
    acl: string | null;
    settings: string[] | null;
    is_owner: boolean;
    owner: string;
    database: string;
  }>(
    `select d.datacl::text as acl, s.setconfig as settings, d.datname as database,
       pg_catalog.pg_has_role(d.datdba, 'usage') as is_owner,
       pg_catalog.pg_get_userbyid(d.datdba) as owner
     from pg_catalog.pg_database d
     left join pg_catalog.pg_db_role_setting s on s.setdatabase = d.oid and s.setrole = 0
     where d.datname = pg_catalog.current_database()`,
  );
  const row = rows[0];
  if (row === undefined)
    throw new MigrationError('internal', 'The database is not in its catalog.');
  if (!row.is_owner) {
    throw new MigrationError(
      'permissionDenied',
      `The database ${row.database} of the source cannot be fenced: that needs the rights of its ` +
        `owner. Grant the role ${row.owner} to the migration's user, or leave fenceSource "False".`,
    );
  }
  const prefix = `${SETTING}=`;
  const setting = row.settings?.find((text) => text.startsWith(prefix));
  const readOnly = setting === undefined ? null : setting.slice(prefix.length);
  return { kind: 'fence', acl: row.acl, readOnly, on };
}

/**
 * Closes the session's database to everybody but the session's own user, and ends the other
 * sessions. ALLOW_CONNECTIONS stays as it is: without it the replication stream could not come back.
 * Store what readFenceBefore says first. Idempotent.
 *
 * @throws MigrationError permissionDenied when sessions may not be ended, lockTimeout when they do
 *   not go; in both cases the database stays closed until `unfence`.
 */
export async function fence(session: PgSession, options: FenceOptions): Promise<FenceReport> {
  const database = await databaseName(session);
  await inTransaction(session, () => closeDatabase(session, database)).catch((error: unknown) => {
    throw wrapError(error, `The database ${database} of the source cannot be fenced`);
  });
  const endedSessions = await endOthers(session, database, options);
  const prepared = await session.query<{ gid: string }>(
    'select gid from pg_catalog.pg_prepared_xacts where database = $1 order by 1',
    [database],
  );
  const preparedTransactions = prepared.rows.map(({ gid }) => gid);
  const warnings = [
    ...(await whoMayStillConnect(session)),
    ...(await otherWriters(session)),
    ...(preparedTransactions.length === 0
      ? []
      : [
          `Prepared transactions are open in ${database} (${preparedTransactions.join(', ')}): ` +
            'commit or roll them back before the cutover, or their changes may come after it.',
        ]),
  ];
  return { endedSessions, preparedTransactions, warnings };
}

async function closeDatabase(session: PgSession, database: string): Promise<void> {
  const name = pg.escapeIdentifier(database);
  const { rows } = await session.query<{ user: string; is_superuser: boolean }>(
    `select current_user::text as "user", r.rolsuper as is_superuser
     from pg_catalog.pg_roles r where r.rolname = current_user`,
  );
  // From the own user as well: what it gave on to others with a grant option goes by the cascade.
  for (const grantee of new Set((await readGrants(session)).map((grant) => grant.grantee))) {
    await session.query(`revoke connect on database ${name} from ${roleSql(grantee)} cascade`);
  }
  const user = rows[0];
  if (user !== undefined && !user.is_superuser) {
    await session.query(`grant connect on database ${name} to ${roleSql(user.user)}`);
  }
  const left = await readGrants(session);
  const others = left.filter(({ grantee }) => grantee !== user?.user);
  // Without the right a REVOKE is only a warning of the server.
  if (others.length > 0) {
    throw new MigrationError(
      'permissionDenied',
      `CONNECT could not be taken from ${others.map((grant) => grant.grantee || 'PUBLIC').join(', ')}`,
    );
  }
  await session.query(`alter database ${name} set ${SETTING} = on`);
}

/** Who has CONNECT on the session's database. */
async function readGrants(session: PgSession): Promise<Grant[]> {
  const { rows } = await session.query<Grant>(
    `select pg_catalog.pg_get_userbyid(x.grantor) as grantor, x.is_grantable as grantable,
       case when x.grantee = 0 then '' else pg_catalog.pg_get_userbyid(x.grantee) end as grantee
     from pg_catalog.pg_database d,
       lateral pg_catalog.aclexplode(
         coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) x
     where d.datname = pg_catalog.current_database() and x.privilege_type = 'CONNECT'`,
  );
  return rows;
}

function roleSql(name: string): string {
  return name === '' ? 'public' : pg.escapeIdentifier(name);
}

async function databaseName(session: PgSession): Promise<string> {
  const { rows } = await session.query<{ name: string }>(
    'select pg_catalog.current_database() as name',
  );
  return rows[0]?.name ?? '';
}

interface OtherSession {
  pid: number;
  user: string | null;
  is_client: boolean;
}

const WAIT_MS = 30_000;
const LOOK_AGAIN_MS = 20;

/** Ends sessions until none is left, and none is still in the middle of logging in. */
async function endOthers(
  session: PgSession,
  database: string,
  { signal, waitMs = WAIT_MS }: FenceOptions,
): Promise<number> {
  const until = Date.now() + waitMs;
  const ended = new Set<number>();
  for (;;) {
    signal.throwIfAborted();
    // In this order: who was still logging in is among the sessions when nobody is any more.
    const isLoggingIn = await isSomebodyLoggingIn(session);
    const others = await listOthers(session);
    const clients = others.filter((other) => other.is_client);
    const refused: string[] = [];
    for (const { pid, user, is_client } of others) {
      try {
        await session.query('select pg_catalog.pg_terminate_backend($1)', [pid]);
        ended.add(pid);
      } catch (error) {
        if (kindOf(error) !== 'permissionDenied') throw error;
        if (is_client) refused.push(user ?? '?');
      }
    }
    if (refused.length > 0) {
      throw new MigrationError(
        'permissionDenied',
        `Sessions in the database ${database} of the source may not be ended (of ` +
          `${[...new Set(refused)].join(', ')}): grant pg_signal_backend to the migration's user, ` +
          'or end them yourself.',
      );
    }
    if (clients.length === 0 && !isLoggingIn) return ended.size;
    if (Date.now() >= until) {
      throw new MigrationError(
        'lockTimeout',
        `Sessions in the database ${database} of the source do not end (pids ` +
          `${clients.map(({ pid }) => pid).join(', ')}).`,
      );
    }
    await sleep(LOOK_AGAIN_MS, undefined, { signal });
  }
}

/**
 * Sessions in the database that are not pgmove's and no reader of a slot. Autovacuum and parallel
 * workers end by themselves; workers of subscriptions come back and are told as a warning.
 */
async function listOthers(session: PgSession): Promise<OtherSession[]> {
  const hasTypes = session.serverVersion >= 100000;
  const type = hasTypes ? 'a.backend_type' : 'null::text';
  const { rows } = await session.query<OtherSession>(
    `select a.pid, a.usename as "user",
       coalesce(${type} in ('client backend', 'walsender'), true) as is_client
     from pg_catalog.pg_stat_activity a
     where a.datname = pg_catalog.current_database() and a.usesysid is not null
       and a.pid <> pg_catalog.pg_backend_pid()
       and not (a.application_name like 'pgmove/%' and a.usename = current_user)
       and not exists (
         select from pg_catalog.pg_replication_slots s where s.active_pid = a.pid)
       and coalesce(${type} not in ('autovacuum worker', 'parallel worker')
         and ${type} not like 'logical replication%', true)`,
  );
  return rows;
}

/**
 * A session that logs in holds a lock on its database while its right to connect is checked, and
 * shows among the sessions only after: what began before the fence was committed is seen here.
 */
async function isSomebodyLoggingIn(session: PgSession): Promise<boolean> {
  const { rows } = await session.query(
    `select from pg_catalog.pg_locks l
     join pg_catalog.pg_database d on d.oid = l.objid
     where l.locktype = 'object' and l.classid = 'pg_catalog.pg_database'::pg_catalog.regclass
       and d.datname = pg_catalog.current_database() and l.mode = 'RowExclusiveLock' and l.granted
       and l.pid <> pg_catalog.pg_backend_pid()
       and not exists (select from pg_catalog.pg_stat_activity a where a.pid = l.pid)`,
  );
  return rows.length > 0;
}

/**
 * Puts back what was there before the fence. Grants that somebody has made since are kept.
 * Idempotent.
 *
 * @returns Sentences about what could not be put back.
 */
export async function unfence(session: PgSession, before: FenceChange): Promise<string[]> {
  const database = await databaseName(session);
  const warnings: string[] = [];
  const wanted = await grantsOf(session, before.acl, warnings);
  await inTransaction(session, async () => {
    const name = pg.escapeIdentifier(database);
    const value = before.readOnly === null ? undefined : pg.escapeLiteral(before.readOnly);
    await session.query(
      `alter database ${name} ${value === undefined ? `reset ${SETTING}` : `set ${SETTING} = ${value}`}`,
    );
    await dropOwnGrant(session, name, wanted);
    await restoreGrants(session, name, wanted, warnings);
  }).catch((error: unknown) => {
    throw wrapError(error, `The fence of database ${database} on the source cannot be undone`);
  });
  return warnings;
}

/** Item by item: one that names a role which is gone must not keep the others away. */
async function grantsOf(
  session: PgSession,
  acl: string | null,
  warnings: string[],
): Promise<Grant[]> {
  const items = await session.query<{ item: string }>(
    `select i.item from pg_catalog.unnest(coalesce($1::text[],
       (select pg_catalog.acldefault('d', d.datdba)::text[] from pg_catalog.pg_database d
        where d.datname = pg_catalog.current_database()))) i (item)`,
    [acl],
  );
  const grants: Grant[] = [];
  for (const { item } of items.rows) {
    try {
      const { rows } = await session.query<Grant>(
        `select pg_catalog.pg_get_userbyid(x.grantor) as grantor, x.is_grantable as grantable,
           case when x.grantee = 0 then '' else pg_catalog.pg_get_userbyid(x.grantee) end as grantee
         from pg_catalog.aclexplode(array[$1::pg_catalog.aclitem]) x
         where x.privilege_type = 'CONNECT'`,
        [item],
      );
      grants.push(...rows);
    } catch (error) {
      if (codeOf(error) !== '42704') throw error;
      warnings.push(`An entry of the access list was not put back (${item}): ${messageOf(error)}.`);
    }
  }
  return grants;
}

/** What the fence gave its own user. */
async function dropOwnGrant(
  session: PgSession,
  database: string,
  wanted: readonly Grant[],
): Promise<void> {
  const { rows } = await session.query<{ user: string }>('select current_user::text as "user"');
  const user = rows[0]?.user ?? '';
  if (wanted.some(({ grantee }) => grantee === user)) return;
  await session.query(`revoke connect on database ${database} from ${roleSql(user)}`);
}

/** The owner's grants first; then those that were given on, each by the one who gave it. */
async function restoreGrants(
  session: PgSession,
  database: string,
  wanted: readonly Grant[],
  warnings: string[],
): Promise<void> {
  const { rows } = await session.query<{ owner: string }>(
    `select pg_catalog.pg_get_userbyid(datdba) as owner from pg_catalog.pg_database
     where datname = pg_catalog.current_database()`,
  );
  const owner = rows[0]?.owner ?? '';
  let open = wanted.filter(({ grantor }) => grantor !== owner);
  for (const grant of wanted) {
    if (grant.grantor === owner) await session.query(grantSql(database, grant));
  }
  for (let progress = true; open.length > 0 && progress;) {
    const failed: Grant[] = [];
    for (const grant of open) {
      if (!(await grantAs(session, database, grant))) failed.push(grant);
    }
    progress = failed.length < open.length;
    open = failed;
  }
  for (const { grantor, grantee } of open) {
    warnings.push(
      `CONNECT of ${grantee || 'PUBLIC'} was given by ${grantor} and could not be put back: ` +
        `give it again as ${grantor}.`,
    );
  }
}

function grantSql(database: string, { grantee, grantable }: Grant): string {
  const option = grantable ? ' with grant option' : '';
  return `grant connect on database ${database} to ${roleSql(grantee)}${option}`;
}

async function grantAs(session: PgSession, database: string, grant: Grant): Promise<boolean> {
  await session.query('savepoint grant_as');
  try {
    await session.query(`set local role ${roleSql(grant.grantor)}`);
    await session.query(grantSql(database, grant));
    await session.query('reset role');
    await session.query('release savepoint grant_as');
    const grants = await readGrants(session);
    return grants.some(
      ({ grantor, grantee }) => grantor === grant.grantor && grantee === grant.grantee,
    );
  } catch (error) {
    await session.query('rollback to savepoint grant_as');
    if (['42501', '42704'].includes(codeOf(error) ?? '')) return false;
    throw error;
  }
}
