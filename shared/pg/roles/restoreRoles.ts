import pg from 'pg';
import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import { notCarriedList } from '../schema/notCarried.ts';
import type { NotCarried } from '../schema/notCarried.ts';
import { attempt } from './attempt.ts';
import type { RoleRestore } from './attempt.ts';
import type { SourceRoles } from './dumpRoles.ts';
import { isManagedRole } from './managedRoles.ts';
import { grantMemberships, joinNewRoles } from './memberships.ts';
import type { DumpedRole } from './parseRoles.ts';
import { describeDifference, readRoles } from './targetRole.ts';
import type { ExistingRole } from './targetRole.ts';

export interface RestoredRoles {
  created: string[];
  /** Were there before, and are as they were. */
  kept: string[];
  notCarried: NotCarried[];
}

/** Any number, the same everywhere: only one restore of roles at a time on a server. */
const LOCK = 7_263_551_002;

/**
 * Creates the source's roles that the target lacks, with settings and memberships. In one
 * transaction: a run after a crash finds all of it or nothing. Existing roles are not touched.
 *
 * @throws MigrationError permissionDenied when roles are missing and the user may create none.
 */
export async function restoreRoles(target: PgSession, source: SourceRoles): Promise<RestoredRoles> {
  await target.query('begin');
  try {
    await target.query('select pg_catalog.pg_advisory_xact_lock($1)', [LOCK]);
    const restored = await restoreAll(target, source);
    await target.query('commit');
    return restored;
  } catch (error) {
    await target.query('rollback').catch(() => undefined);
    throw error;
  }
}

/** Roles that are to be made and of which the target's user is to be a member no longer than needed. */
export async function rolesToJoin(target: PgSession, source: SourceRoles): Promise<string[]> {
  const { existing, me } = await readRoles(target);
  const isMember = (name: string) =>
    source.memberships.some(({ role, member }) => role === name && member === me.name);
  return source.roles
    .map(({ name }) => name)
    .filter((name) => !isManagedRole(name) && !existing.has(name) && !isMember(name));
}

async function restoreAll(target: PgSession, source: SourceRoles): Promise<RestoredRoles> {
  const { existing, me } = await readRoles(target);
  const restore: RoleRestore = {
    target,
    me,
    existing,
    created: new Set(),
    report: notCarriedList(),
  };
  const { report, created } = restore;
  const managed = source.roles.filter(({ name }) => isManagedRole(name));
  for (const { name } of managed) {
    if (existing.has(name)) continue;
    report.add('role', name, "A role of the source's provider is not created.");
  }
  const own = source.roles.filter(({ name }) => !isManagedRole(name));
  const missing = own.filter(({ name }) => !existing.has(name));
  if (missing.length > 0) refuseWithoutRight(me, missing);
  for (const role of missing) await createRole(restore, role, source.hasPasswords);
  for (const role of own) {
    const there = existing.get(role.name);
    const difference = there === undefined ? undefined : describeDifference(role, there);
    if (difference === undefined) continue;
    report.add('role', role.name, `The role was on the target before and is kept; ${difference}.`);
  }
  await runStatements(restore, source);
  await grantMemberships(restore, source.memberships);
  await joinNewRoles(restore);
  const kept = own.map(({ name }) => name).filter((name) => existing.has(name));
  return { created: [...created], kept, notCarried: report.items() };
}

function refuseWithoutRight(me: ExistingRole, missing: readonly DumpedRole[]): void {
  if (me.flags.SUPERUSER || me.flags.CREATEROLE) return;
  const names = missing.slice(0, 20).map(({ name }) => name);
  throw new MigrationError(
    'permissionDenied',
    `603116: The target's user ${me.name} may not create roles (${names.join(', ')}). As an ` +
      `administrator: alter role ${pg.escapeIdentifier(me.name)} createrole; or leave migrateRoles "False".`,
  );
}

/** Attributes that only their holders may give to others. */
const GUARDED = ['SUPERUSER', 'REPLICATION', 'BYPASSRLS', 'CREATEDB', 'CREATEROLE'] as const;

function mayGive({ target, me }: RoleRestore, attribute: string): boolean {
  const guarded = GUARDED.find((name) => name === attribute);
  if (guarded === undefined || me.flags.SUPERUSER) return true;
  if (guarded === 'SUPERUSER') return false;
  if (target.serverVersion >= 160000) return me.flags[guarded];
  return guarded === 'CREATEDB' || guarded === 'CREATEROLE';
}

async function createRole(
  restore: RoleRestore,
  role: DumpedRole,
  hasPasswords: boolean,
): Promise<void> {
  const { report, created } = restore;
  const refused = role.attributes.filter((attribute) => !mayGive(restore, attribute));
  const attributes = role.attributes.filter((attribute) => !refused.includes(attribute));
  const sql = [
    `create role ${pg.escapeIdentifier(role.name)} with ${attributes.join(' ')}`,
    ...(role.connectionLimit === undefined ? [] : [`connection limit ${role.connectionLimit}`]),
    ...(role.validUntil === undefined ? [] : [`valid until ${role.validUntil}`]),
  ].join(' ');
  const { password } = role;
  let failure = await attempt(
    restore.target,
    password === undefined ? sql : `${sql} password ${password}`,
  );
  if (failure !== undefined && password !== undefined) {
    const reason = failure;
    failure = await attempt(restore.target, sql);
    if (failure === undefined) {
      report.add('role', role.name, `Its password is refused (${reason}): set a new one.`);
    }
  }
  if (failure !== undefined) {
    report.add('role', role.name, `The role could not be created: ${failure}.`);
    return;
  }
  created.add(role.name);
  for (const attribute of refused) {
    const reason = `The target's user ${restore.me.name} may not give ${attribute}.`;
    report.add('role', role.name, reason);
  }
  if (!hasPasswords && role.attributes.includes('LOGIN')) {
    const reason = "The source's user may not read passwords (pg_authid): set one on the target.";
    report.add('role', role.name, reason);
  }
}

async function runStatements(restore: RoleRestore, source: SourceRoles): Promise<void> {
  for (const { role, kind, sql } of source.statements) {
    if (!restore.created.has(role)) continue;
    const failure = await attempt(restore.target, sql);
    if (failure === undefined) continue;
    const what = {
      setting: 'A setting',
      comment: 'The comment',
      securityLabel: 'A security label',
    };
    restore.report.add('role', role, `${what[kind]} of the role is refused: ${failure}.`);
  }
}
