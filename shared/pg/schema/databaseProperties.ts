import pg from 'pg';
import { messageOf } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import { notCarriedList } from './notCarried.ts';
import type { NotCarried, NotCarriedList } from './notCarried.ts';
import type { DatabaseFacts } from './plan.ts';
import { runPrivileges } from './privileges.ts';
import type { PrivilegeStatement } from './privileges.ts';
import { throwIfNotTheObjects } from './slices.ts';
import { missingRoleReason, notMemberReason, readTargetRoles } from './targetRoles.ts';

/**
 * Owner, connection limit, comment, settings and privileges of the database itself. Run late:
 * settings apply to every new session, and the owner may do more than the others. Idempotent.
 */
export async function copyDatabaseProperties(
  target: PgSession,
  name: string,
  facts: DatabaseFacts,
): Promise<NotCarried[]> {
  const report = notCarriedList();
  const database = `database ${pg.escapeIdentifier(name)}`;
  const roles = await readTargetRoles(target);
  if (facts.connectionLimit >= 0) {
    const sql = `alter ${database} connection limit ${facts.connectionLimit}`;
    await tryStatement(target, sql, 'databaseProperty', 'connection limit', report);
  }
  if (facts.comment !== undefined) {
    const sql = `comment on ${database} is ${pg.escapeLiteral(facts.comment)}`;
    await tryStatement(target, sql, 'comment', database, report);
  }
  for (const { role, setting } of facts.settings) {
    const sql = settingSql(database, role, setting);
    const object = `${setting.split('=')[0]}${role === '' ? '' : ` of role ${role}`}`;
    if (role !== '' && !roles.exists(role)) report.add('setting', object, missingRoleReason(role));
    else await tryStatement(target, sql, 'setting', object, report);
  }
  if (facts.owner !== roles.currentUser) {
    if (!roles.exists(facts.owner)) {
      report.add('ownership', database, missingRoleReason(facts.owner));
    } else if (!roles.mayActAs(facts.owner)) {
      report.add('ownership', database, notMemberReason(facts.owner));
    } else {
      const sql = `alter ${database} owner to ${pg.escapeIdentifier(facts.owner)}`;
      await tryStatement(target, sql, 'ownership', database, report);
    }
  }
  await runPrivileges(target, privilegesOf(database, facts), report);
  return report.items();
}

async function tryStatement(
  target: PgSession,
  sql: string,
  subject: NotCarried['subject'],
  object: string,
  report: NotCarriedList,
): Promise<void> {
  try {
    await target.query(sql);
  } catch (error) {
    throwIfNotTheObjects(error);
    report.add(subject, object, `The target refuses it: ${messageOf(error)}.`);
  }
}

/** PostgreSQL's settings that are lists of names: quoted as a whole they would be one name. */
const LISTS = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'unix_socket_directories',
]);

export function settingSql(database: string, role: string, setting: string): string {
  const at = setting.indexOf('=');
  const name = setting.slice(0, at);
  const value = setting.slice(at + 1);
  const values = LISTS.has(name.toLowerCase()) ? listItems(value) : [value];
  const subject = role === '' ? database : `role ${pg.escapeIdentifier(role)} in ${database}`;
  return (
    `alter ${subject} set ${pg.escapeIdentifier(name)} to ` +
    (values.length === 0 ? "''" : values.map(pg.escapeLiteral).join(', '))
  );
}

/** `"$user", public` → ['$user', 'public'] */
function listItems(value: string): string[] {
  const items: string[] = [];
  for (const match of value.matchAll(/"((?:[^"]|"")*)"|[^\s,]+/g)) {
    items.push(match[1] === undefined ? match[0] : match[1].replaceAll('""', '"'));
  }
  return items;
}

/** Default rights of PUBLIC that the source took away go, then each right of it is granted. */
function privilegesOf(database: string, facts: DatabaseFacts): PrivilegeStatement[] {
  if (facts.privileges === undefined) return [];
  const statement = (sql: string, grantee: string | undefined): PrivilegeStatement => ({
    sql,
    object: database,
    subject: 'privilege',
    grantee,
    actor: undefined,
    runsAsActor: false,
  });
  const grants = facts.privileges
    // The owner has all rights anyway, and who that is has been decided above.
    .filter(({ grantee }) => grantee !== facts.owner)
    .map(({ grantee, privilege, isGrantable }) =>
      statement(
        `grant ${privilege.toLowerCase()} on ${database} to ` +
          (grantee === '' ? 'public' : pg.escapeIdentifier(grantee)) +
          (isGrantable ? ' with grant option' : ''),
        grantee === '' ? undefined : grantee,
      ),
    );
  const ofPublic = facts.privileges.filter(({ grantee }) => grantee === '');
  const taken = ['CONNECT', 'TEMPORARY'].filter(
    (right) => !ofPublic.some(({ privilege }) => privilege === right),
  );
  if (taken.length === 0) return grants;
  const revoke = `revoke ${taken.join(', ').toLowerCase()} on ${database} from public`;
  return [statement(revoke, undefined), ...grants];
}
