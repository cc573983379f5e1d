import pg from 'pg';
import type { NoticeMessage } from 'pg-protocol/dist/messages.js';
import { messageOf } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import { describeEntry } from './archive.ts';
import type { ArchiveEntry } from './archive.ts';
import { notCarriedList } from './notCarried.ts';
import type { NotCarried, NotCarriedList } from './notCarried.ts';
import type { SchemaPlan } from './plan.ts';
import { throwIfNotTheObjects } from './slices.ts';
import { splitStatements, tokenize } from './sqlLexer.ts';
import { missingRoleReason, notMemberReason, readTargetRoles } from './targetRoles.ts';
import type { TargetRoles } from './targetRoles.ts';

/** One GRANT, REVOKE or ALTER DEFAULT PRIVILEGES. */
export interface PrivilegeStatement {
  sql: string;
  object: string;
  subject: 'privilege' | 'defaultPrivilege';
  /** The role that gets or loses it; undefined is PUBLIC. */
  grantee: string | undefined;
  /** The role whose grant it is, where that is not the owner; or FOR ROLE. */
  actor: string | undefined;
  /** Whether the statement has to run as the actor. */
  runsAsActor: boolean;
}

const STATEMENTS_PER_SLICE = 500;

/**
 * Grants and default privileges, run after applyOwnership: then the grantor of each is the owner,
 * as on the source. A grantee that the target lacks loses nobody else's grant. Idempotent.
 */
export async function applyPrivileges(
  target: PgSession,
  plan: Pick<SchemaPlan, 'privileges'>,
): Promise<NotCarried[]> {
  const report = notCarriedList();
  await runPrivileges(target, plan.privileges.flatMap(privilegeStatements), report);
  return report.items();
}

/** Takes an ACL entry apart. pg_dump writes other grantors as SET SESSION AUTHORIZATION. */
export function privilegeStatements(entry: ArchiveEntry): PrivilegeStatement[] {
  const statements: PrivilegeStatement[] = [];
  let grantor: string | undefined;
  for (const sql of splitStatements(entry.sql)) {
    const tokens = tokenize(sql);
    const words = tokens.map((token) => (token.kind === 'word' ? token.text.toUpperCase() : ''));
    if (words[0] === 'SET' && words[1] === 'SESSION') {
      grantor = tokens.at(-1)?.text;
      continue;
    }
    if (words[0] === 'RESET') {
      grantor = undefined;
      continue;
    }
    const at = Math.max(words.lastIndexOf('TO'), words.lastIndexOf('FROM'));
    const grantee = tokens[at + 1];
    const isDefault = words[0] === 'ALTER';
    const roleAt = isDefault ? words.indexOf('ROLE') : -1;
    statements.push({
      sql,
      object: describeEntry(entry),
      subject: isDefault ? 'defaultPrivilege' : 'privilege',
      grantee: grantee?.kind === 'word' && words[at + 1] === 'PUBLIC' ? undefined : grantee?.text,
      actor: roleAt < 0 ? grantor : tokens[roleAt + 1]?.text,
      runsAsActor: roleAt < 0 && grantor !== undefined,
    });
  }
  return statements;
}

export async function runPrivileges(
  target: PgSession,
  statements: readonly PrivilegeStatement[],
  report: NotCarriedList,
): Promise<void> {
  const roles = await readTargetRoles(target);
  const wanted = statements.filter((statement) => {
    const reason = refusal(statement, roles);
    if (reason !== undefined) report.add(statement.subject, statement.object, reason);
    return reason === undefined;
  });
  for (let start = 0; start < wanted.length; start += STATEMENTS_PER_SLICE) {
    await runSlice(target, wanted.slice(start, start + STATEMENTS_PER_SLICE), report);
  }
}

function refusal(statement: PrivilegeStatement, roles: TargetRoles): string | undefined {
  const { grantee, actor } = statement;
  if (grantee !== undefined && !roles.exists(grantee)) return missingRoleReason(grantee);
  if (actor === undefined) return undefined;
  if (!roles.exists(actor)) return missingRoleReason(actor);
  if (!roles.mayActAs(actor)) return notMemberReason(actor);
  return undefined;
}

function sqlOf(statement: PrivilegeStatement): string {
  if (!statement.runsAsActor || statement.actor === undefined) return statement.sql;
  return `set local role ${pg.escapeIdentifier(statement.actor)}; ${statement.sql}; reset role`;
}

const BEGIN = 'begin; set local client_min_messages = warning;\n';

async function runSlice(
  target: PgSession,
  statements: readonly PrivilegeStatement[],
  report: NotCarriedList,
): Promise<void> {
  try {
    const refused = await withWarnings(target, `${BEGIN}${statements.map(sqlOf).join(';\n')}`);
    if (refused === undefined) {
      await target.query('commit');
      return;
    }
  } catch (error) {
    throwIfNotTheObjects(error);
  }
  await target.query('rollback');
  for (const statement of statements) await runOne(target, statement, report);
}

async function runOne(
  target: PgSession,
  statement: PrivilegeStatement,
  report: NotCarriedList,
): Promise<void> {
  let refused: string | undefined;
  try {
    refused = await withWarnings(target, `${BEGIN}${sqlOf(statement)};\ncommit`);
  } catch (error) {
    await target.query('rollback').catch(() => undefined);
    throwIfNotTheObjects(error);
    refused = messageOf(error);
  }
  if (refused !== undefined) {
    report.add(
      statement.subject,
      `${statement.object}: ${statement.sql}`,
      `The target refuses it: ${refused}.`,
    );
  }
}

/** Without the right to grant, GRANT does nothing and only warns (01007, REVOKE: 01006). */
const NOTHING_DONE = new Set(['01007', '01006']);

async function withWarnings(target: PgSession, sql: string): Promise<string | undefined> {
  let warning: string | undefined;
  const listen = (notice: NoticeMessage) => {
    if (NOTHING_DONE.has(notice.code ?? '')) warning ??= notice.message;
  };
  target.client.on('notice', listen);
  try {
    await target.query(sql);
  } finally {
    target.client.off('notice', listen);
  }
  return warning;
}
