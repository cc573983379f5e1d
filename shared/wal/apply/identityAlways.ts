import type { PgSession } from '../../pg/connect.ts';
import type { ApplyTable } from './catalog.ts';
import type { TargetSession } from './targetSession.ts';

/**
 * Runs `work` while the GENERATED ALWAYS columns of a table may be written: an update has no
 * OVERRIDING, and the source changed such a value (`set id = default`). In the caller's
 * transaction, so nobody else sees them BY DEFAULT.
 */
export async function withAlwaysWritable<Result>(
  target: TargetSession,
  table: ApplyTable,
  work: () => Promise<Result>,
): Promise<Result> {
  await setGenerated(target, table, 'by default');
  const result = await work();
  await setGenerated(target, table, 'always');
  return result;
}

async function setGenerated(
  { session }: TargetSession,
  table: ApplyTable,
  when: 'always' | 'by default',
): Promise<void> {
  const actions = table.columns
    .filter(({ identity }) => identity === 'a')
    .map(({ sql }) => `alter column ${sql} set generated ${when}`);
  await session.query(`alter table ${await ownerOfIdentity(session, table)} ${actions.join(', ')}`);
}

/** Since 17 a partition has its root's identity columns, and only the root's can be altered. */
async function ownerOfIdentity(session: PgSession, table: ApplyTable): Promise<string> {
  if (session.serverVersion < 170000) return table.sql;
  const { rows } = await session.query<{ name: string }>(
    `select coalesce(pg_catalog.pg_partition_root($1::oid), $1::oid)::regclass::text as name`,
    [table.oid],
  );
  return rows[0]?.name ?? table.sql;
}
