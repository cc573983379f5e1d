import type { PgSession } from '../pg/connect.ts';

interface BlockerRow {
  pid: number | null;
  gid: string | null;
  database: string | null;
  username: string | null;
  application: string | null;
  since: string | null;
}

/**
 * The open transactions, oldest first, that keep a slot from being made: every one that has written
 * before, in any database, and every prepared one. What the role may not see is left out.
 */
export async function describeBlockers(
  session: PgSession,
  waitingPid: number,
  limit = 10,
): Promise<string> {
  const { rows } = await session.query<BlockerRow>(
    `select pid, null::text as gid, datname::text as database, usename::text as username,
            application_name as application, to_char(xact_start, 'YYYY-MM-DD HH24:MI:SS') as since
       from pg_catalog.pg_stat_activity
      where pid <> $1 and pid <> pg_catalog.pg_backend_pid()
        and (backend_xid is not null or pid = any (pg_catalog.pg_blocking_pids($1)))
      union all
     select null, gid, database::text, owner::text, null, to_char(prepared, 'YYYY-MM-DD HH24:MI:SS')
       from pg_catalog.pg_prepared_xacts
      order by since nulls last limit $2`,
    [waitingPid, limit + 1],
  );
  if (rows.length === 0) return 'transactions that this role may not see';
  const shown = rows.slice(0, limit).map(describeBlocker);
  return rows.length > limit ? `${shown.join('; ')}; and more` : shown.join('; ');
}

function describeBlocker(row: BlockerRow): string {
  const details = [
    row.database === null ? undefined : `database ${row.database}`,
    row.username === null ? undefined : `user ${row.username}`,
    row.application === null || row.application === ''
      ? undefined
      : `application ${row.application}`,
    row.since === null ? undefined : `since ${row.since} UTC`,
  ].filter((detail) => detail !== undefined);
  const what = row.gid === null ? `pid ${row.pid}` : `prepared transaction ${row.gid}`;
  return `${what} (${details.join(', ')})`;
}
