import pg from 'pg';
import { codeOf, messageOf } from '../../errors/migrationError.ts';
import { wrapError } from '../../errors/classify.ts';
import type { PgSession } from '../connect.ts';
import type { ArchiveEntry } from './archive.ts';
import { notCarriedList } from './notCarried.ts';
import type { NotCarried, NotCarriedList } from './notCarried.ts';
import type { ObjectOwner, SchemaPlan } from './plan.ts';
import { sliceBegin, throwIfNotTheObjects } from './slices.ts';
import { missingRoleReason, notMemberReason, readTargetRoles } from './targetRoles.ts';

const STATEMENTS_PER_SLICE = 400;

/**
 * Enables row security, then gives every object its source's owner where that role exists and the
 * target's user may act as it; otherwise the target's user stays the owner, and the result says so
 * by role. Idempotent.
 */
export async function applyOwnership(
  target: PgSession,
  plan: Pick<SchemaPlan, 'owners' | 'rowSecurity'>,
): Promise<NotCarried[]> {
  await enableRowSecurity(target, plan.rowSecurity);
  return giveOwnership(target, plan.owners);
}

async function enableRowSecurity(target: PgSession, entries: readonly ArchiveEntry[]) {
  if (entries.length === 0) return;
  const body = entries.map((entry) => entry.sql).join('\n');
  try {
    await target.query(`begin;\n${body}\ncommit`);
  } catch (error) {
    await target.query('rollback').catch(() => undefined);
    if (await isRowSecurityOn(target, entries)) return;
    throw wrapError(error, 'Row security could not be enabled on the target');
  }
}

/** After a run that was killed in between, the tables may belong to somebody else already. */
async function isRowSecurityOn(
  target: PgSession,
  entries: readonly ArchiveEntry[],
): Promise<boolean> {
  const { rowCount } = await target.query(
    `select from unnest($1::text[], $2::text[]) as w (schema_name, table_name)
     where not exists (
       select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       where n.nspname = w.schema_name and c.relname = w.table_name and c.relrowsecurity)`,
    [entries.map((entry) => entry.schema), entries.map((entry) => entry.name)],
  );
  return rowCount === 0;
}

export async function giveOwnership(
  target: PgSession,
  owners: readonly ObjectOwner[],
): Promise<NotCarried[]> {
  const report = notCarriedList();
  const roles = await readTargetRoles(target);
  const wanted: ObjectOwner[] = [];
  for (const item of owners) {
    // Event triggers come last and get their owners then.
    if (item.type === 'EVENT TRIGGER') continue;
    if (item.owner === roles.currentUser && !isPublicSchema(item)) continue;
    if (!roles.exists(item.owner)) {
      report.add(
        'ownership',
        item.object,
        ownedBy(roles.currentUser, missingRoleReason(item.owner)),
      );
    } else if (!roles.mayActAs(item.owner)) {
      report.add('ownership', item.object, ownedBy(roles.currentUser, notMemberReason(item.owner)));
    } else {
      wanted.push(item);
    }
  }
  for (let start = 0; start < wanted.length; start += STATEMENTS_PER_SLICE) {
    await applySlice(target, wanted.slice(start, start + STATEMENTS_PER_SLICE), report);
  }
  return report.items();
}

function ownedBy(user: string, reason: string): string {
  return `${reason} The object belongs to ${user}.`;
}

/** The template brought it along: since 15 it belongs to pg_database_owner and not to us. */
function isPublicSchema(item: ObjectOwner): boolean {
  return item.type === 'SCHEMA' && item.object === 'schema "public"';
}

export function alterOwner(item: ObjectOwner): string {
  return `alter ${item.object} owner to ${pg.escapeIdentifier(item.owner)}`;
}

async function applySlice(
  target: PgSession,
  items: readonly ObjectOwner[],
  report: NotCarriedList,
): Promise<void> {
  const body = items.map(alterOwner).join(';\n');
  try {
    await target.query(
      `${sliceBegin(target)} set local synchronous_commit = on;\n${body};\ncommit`,
    );
  } catch (error) {
    await target.query('rollback').catch(() => undefined);
    throwIfNotTheObjects(error);
    for (const item of items) await applyOne(target, item, report);
  }
}

/** undefined object, table, function, schema: left out on the way here, and reported there. */
const IS_ABSENT = new Set(['42704', '42P01', '42883', '3F000']);

async function applyOne(
  target: PgSession,
  item: ObjectOwner,
  report: NotCarriedList,
): Promise<void> {
  try {
    await target.query(alterOwner(item));
  } catch (error) {
    throwIfNotTheObjects(error);
    if (IS_ABSENT.has(codeOf(error) ?? '')) return;
    if (codeOf(error) === '42501' && (await applyWithCreateRight(target, item))) return;
    report.add(
      'ownership',
      item.object,
      `It cannot be given to ${item.owner}: ${messageOf(error).replaceAll(item.object, 'it')}.`,
    );
  }
}

/**
 * A new owner must have CREATE on the schema (publications and schemas: on the database) at the
 * moment of the change, which the source's owner may have lost since, or gets only with a later
 * step: it is granted for this one statement.
 */
async function applyWithCreateRight(target: PgSession, item: ObjectOwner): Promise<boolean> {
  const { rows } = await target.query<{ has: boolean; database: string }>(
    `select current_database() as database, case when $2 = ''
       then pg_catalog.has_database_privilege($1, current_database(), 'CREATE')
       else pg_catalog.has_schema_privilege($1, $2, 'CREATE') end as has`,
    [item.owner, item.schema],
  );
  const row = rows[0];
  if (row === undefined || row.has) return false;
  const container =
    item.schema === ''
      ? `database ${pg.escapeIdentifier(row.database)}`
      : `schema ${pg.escapeIdentifier(item.schema)}`;
  const role = pg.escapeIdentifier(item.owner);
  try {
    await target.query(
      `begin; grant create on ${container} to ${role}; ${alterOwner(item)};
       revoke create on ${container} from ${role}; commit`,
    );
    return true;
  } catch (error) {
    await target.query('rollback').catch(() => undefined);
    throwIfNotTheObjects(error);
    return false;
  }
}
