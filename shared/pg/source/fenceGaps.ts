import type { PgSession } from '../connect.ts';

/** Whom a fence of the session's database cannot keep out. */
export async function whoMayStillConnect(session: PgSession): Promise<string[]> {
  const { rows } = await session.query<{ name: string; is_superuser: boolean }>(
    `select r.rolname as name, r.rolsuper as is_superuser
     from pg_catalog.pg_roles r
     where r.rolcanlogin and r.rolname <> current_user
       and pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'connect')
     order by 1`,
  );
  const names = (isSuperuser: boolean) =>
    rows.filter((row) => row.is_superuser === isSuperuser).map(({ name }) => name);
  const warnings: string[] = [];
  const superusers = names(true);
  const others = names(false);
  if (superusers.length > 0) {
    warnings.push(`Superusers cannot be kept out: ${superusers.join(', ')}.`);
  }
  if (others.length > 0) {
    warnings.push(
      `Roles can still connect, because they are members of the migration's user: ${others.join(', ')}.`,
    );
  }
  return [
    ...warnings,
    "Whoever logs in as the migration's own user can still connect; such sessions are read-only " +
      'unless they ask otherwise.',
  ];
}

/** What writes without a session: the database as a subscriber of another one. */
export async function otherWriters(session: PgSession): Promise<string[]> {
  if (session.serverVersion < 100000) return [];
  const { rows } = await session.query<{ name: string }>(
    `select s.subname as name from pg_catalog.pg_subscription s
     join pg_catalog.pg_database d on d.oid = s.subdbid
     where d.datname = pg_catalog.current_database() and s.subenabled order by 1`,
  );
  if (rows.length === 0) return [];
  const names = rows.map(({ name }) => name).join(', ');
  return [`Subscriptions write into the database: ${names}. Disable them before the cutover.`];
}
