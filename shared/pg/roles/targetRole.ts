import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import type { DumpedRole } from './parseRoles.ts';

const FLAGS = [
  'SUPERUSER',
  'INHERIT',
  'CREATEROLE',
  'CREATEDB',
  'LOGIN',
  'REPLICATION',
  'BYPASSRLS',
] as const;

export interface ExistingRole {
  name: string;
  flags: Record<(typeof FLAGS)[number], boolean>;
  connectionLimit: number;
  hasExpiry: boolean;
}

/** The target's roles by their names, and the session's own. */
export async function readRoles(
  target: PgSession,
): Promise<{ existing: ReadonlyMap<string, ExistingRole>; me: ExistingRole }> {
  const { rows } = await target.query<
    ExistingRole['flags'] & Omit<ExistingRole, 'flags'> & { isMe: boolean }
  >(
    `select rolname as name, rolsuper as "SUPERUSER", rolinherit as "INHERIT",
       rolcreaterole as "CREATEROLE", rolcreatedb as "CREATEDB", rolcanlogin as "LOGIN",
       rolreplication as "REPLICATION", rolbypassrls as "BYPASSRLS",
       rolconnlimit as "connectionLimit",
       coalesce(rolvaliduntil < 'infinity', false) as "hasExpiry",
       rolname = current_user as "isMe"
     from pg_catalog.pg_roles`,
  );
  let me: ExistingRole | undefined;
  const existing = new Map<string, ExistingRole>();
  for (const { name, connectionLimit, hasExpiry, isMe, ...flags } of rows) {
    const role = { name, connectionLimit, hasExpiry, flags };
    existing.set(name, role);
    if (isMe) me = role;
  }
  if (me === undefined) throw new MigrationError('internal', "The target's user has no role.");
  return { existing, me };
}

/** How a role that is there differs from the source's, or undefined. */
export function describeDifference(
  { attributes, connectionLimit, validUntil }: DumpedRole,
  there: ExistingRole,
): string | undefined {
  const differing = FLAGS.filter((flag) => attributes.includes(flag) !== there.flags[flag]);
  const onSource: string[] = differing.map((flag) =>
    attributes.includes(flag) ? flag : `NO${flag}`,
  );
  if (Number(connectionLimit ?? -1) !== there.connectionLimit) {
    onSource.push(`CONNECTION LIMIT ${connectionLimit ?? -1}`);
  }
  const hasExpiry = validUntil !== undefined && validUntil !== "'infinity'";
  if (hasExpiry !== there.hasExpiry) onSource.push(`VALID UNTIL ${validUntil ?? "'infinity'"}`);
  return onSource.length === 0 ? undefined : `on the source it has ${onSource.join(', ')}`;
}
