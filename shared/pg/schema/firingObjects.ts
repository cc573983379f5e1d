import type { PgSession } from '../connect.ts';
import { inTransaction } from '../transaction.ts';
import { dropForeignKeys } from './foreignKeys.ts';

/*
 * Triggers and rules that would act on rows which a stream applies: their effects are in the stream
 * already. None is there before the last change is applied, unless a cutover failed behind the step
 * that created them; then they are switched off until the next one.
 */

interface FiringObject {
  kind: 'trigger' | 'rule';
  /** Qualified and quoted, as is the name. */
  table: string;
  name: string;
  /** As in pg_trigger.tgenabled: origin, always, replica. */
  enabled: 'O' | 'A' | 'R';
}

const STEP = 'switchedOff';

/** What would act on rows written by the session's user, as a replica or not. */
export async function firingObjects(
  session: PgSession,
  isReplicaRole: boolean,
): Promise<FiringObject[]> {
  const states = isReplicaRole ? ['A', 'R'] : ['O', 'A'];
  const { rows } = await session.query<FiringObject>(
    `select o.kind, pg_catalog.format('%I.%I', n.nspname, c.relname) as table,
       pg_catalog.quote_ident(o.name) as name, o.enabled
     from (
       select 'trigger' as kind, tgrelid as relid, tgname as name, tgenabled as enabled
       from pg_catalog.pg_trigger where not tgisinternal
       union all
       select 'rule', ev_class, rulename, ev_enabled
       from pg_catalog.pg_rewrite where rulename <> '_RETURN'
     ) o
     join pg_catalog.pg_class c on c.oid = o.relid and c.relkind in ('r', 'p')
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where o.enabled::text = any ($1) and n.nspname !~ '^pg_'
       and not exists (
         select from pg_catalog.pg_depend d
         where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
     order by 2, 3`,
    [states],
  );
  return rows;
}

/** Switches them off, and notes how they were. Foreign keys that would be checked are dropped. */
export async function switchOff(session: PgSession, isReplicaRole: boolean): Promise<void> {
  if (!isReplicaRole) await dropForeignKeys(session);
  const objects = await firingObjects(session, isReplicaRole);
  if (objects.length === 0) return;
  await inTransaction(session, async () => {
    const noted = await notedObjects(session);
    await session.query('delete from pgmove.steps where step = $1', [STEP]);
    await session.query('insert into pgmove.steps (step, generation, detail) values ($1, 0, $2)', [
      STEP,
      JSON.stringify([...noted, ...objects]),
    ]);
    for (const { kind, table, name } of objects) {
      await session.query(`alter table ${table} disable ${kind} ${name}`);
    }
  });
}

const CLAUSES = { O: 'enable', A: 'enable always', R: 'enable replica' } as const;

/** Switches on again what `switchOff` noted. Idempotent. */
export async function switchOn(session: PgSession): Promise<void> {
  const objects = await notedObjects(session);
  if (objects.length === 0) return;
  await inTransaction(session, async () => {
    for (const { kind, table, name, enabled } of objects) {
      await session.query(`alter table ${table} ${CLAUSES[enabled]} ${kind} ${name}`);
    }
    await session.query('delete from pgmove.steps where step = $1', [STEP]);
  });
}

async function notedObjects(session: PgSession): Promise<FiringObject[]> {
  const { rows } = await session.query<{ detail: string }>(
    'select detail from pgmove.steps where step = $1',
    [STEP],
  );
  return JSON.parse(rows[0]?.detail ?? '[]') as FiringObject[];
}
