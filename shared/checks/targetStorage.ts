import type { PgSession } from '../pg/connect.ts';
import type { Finding, ServerRule, ServerRuleContext } from './rule.ts';
import { targetNames } from './targetNames.ts';

/** Beside the rows and indexes: the WAL of the copy, and what sorting indexes takes. */
const HEADROOM = 1.25;

interface Storage {
  mb: number;
  growsByItself: boolean;
}

/** PostgreSQL does not say how large its disk is; the service that runs it may, or the operator. */
export const targetStorage: ServerRule = {
  id: 'target-storage',
  type: 'ServerParametersValidation',
  severity: { offline: 'Warning', online: 'Warning' },
  looksAt:
    "The databases' size with their indexes, and 25 % for the WAL of the copy, against the target's storage less what is on it: targetStorageMb, or what Azure says. Failed where the databases alone do not fit and the storage does not grow by itself.",
  remedy: 'Larger storage, or storage that grows by itself.',
  async check(context) {
    const storage = storageOf(context);
    const needed = await sizeOf(context.source, context.databases ?? []);
    if ('notChecked' in storage) {
      const advised = Math.ceil(needed.mb * HEADROOM);
      const notChecked =
        `${storage.notChecked} The databases have ${Math.ceil(needed.mb)} MB, and ${advised} MB of ` +
        'free space are advised: compare that with the disk, or give its size as targetStorageMb.';
      return [{ notChecked }];
    }
    const names = targetNames(context).map(({ name }) => name);
    const there = await sizeOfOthers(context.target, names, context.isOverwriteWanted === true);
    const unseen = [...needed.closed, ...there.closed];
    const findings = compare(storage, needed.mb, there.mb);
    if (unseen.length === 0) return findings;
    const notChecked = `The size of databases that may not be connected to: ${unseen.join(', ')}.`;
    return [...findings, { notChecked }];
  },
};

function storageOf({ spec, targetResource }: ServerRuleContext): Storage | { notChecked: string } {
  if (spec.targetStorageMb !== undefined) {
    return { mb: spec.targetStorageMb, growsByItself: false };
  }
  if (targetResource === undefined || 'notChecked' in targetResource) {
    return { notChecked: targetResource?.notChecked ?? 'The size of the disk is not known.' };
  }
  const { storageMb, growsByItself = false } = targetResource.server;
  if (storageMb === undefined) return { notChecked: 'Azure did not tell the storage.' };
  return { mb: storageMb, growsByItself };
}

function compare(storage: Storage, sourceMb: number, thereMb: number): Finding[] {
  const free = Math.floor(storage.mb - thereMb);
  const advised = Math.ceil(sourceMb * HEADROOM);
  if (advised <= free) return [];
  const doesNotFit = sourceMb > free && !storage.growsByItself;
  const growing = storage.growsByItself ? ' It grows by itself, which slows the copy down.' : '';
  return [
    {
      ...(doesNotFit ? { state: 'Failed' } : {}),
      message:
        `The target has ${storage.mb} MB of storage, of which ${Math.max(free, 0)} MB are free; the ` +
        `databases have ${Math.ceil(sourceMb)} MB, and ${advised} MB are advised.${growing}`,
      steps: `Enlarge the storage to ${Math.ceil(thereMb) + advised} MB or more.`,
    },
  ];
}

interface Size {
  mb: number;
  /** Databases whose size may not be asked for. */
  closed: string[];
}

const SIZE_SQL = `select coalesce(sum(case when open then pg_catalog.pg_database_size(oid) end), 0)
     ::float8 / 1048576 as mb,
   coalesce(pg_catalog.json_agg(datname order by datname) filter (where not open), '[]') as closed
 from (select oid, datname, pg_catalog.has_database_privilege(oid, 'connect')
     or pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'usage') as open
   from pg_catalog.pg_database where`;

async function sizeOf(session: PgSession, databases: readonly string[]): Promise<Size> {
  const { rows } = await session.query<Size>(`${sizeSql(session)} datname = any ($1)) as d`, [
    databases,
  ]);
  return rows[0] ?? { mb: 0, closed: [] };
}

/** What stays on the target; what is dropped first makes room. */
async function sizeOfOthers(
  session: PgSession,
  names: readonly string[],
  isOverwriteWanted: boolean,
): Promise<Size> {
  const { rows } = await session.query<Size>(
    `${sizeSql(session)} not ($2 and datname = any ($1))) as d`,
    [names, isOverwriteWanted],
  );
  return rows[0] ?? { mb: 0, closed: [] };
}

/** Before 10 there is no role that may ask for all sizes. */
function sizeSql({ serverVersion }: PgSession): string {
  if (serverVersion >= 100000) return SIZE_SQL;
  return SIZE_SQL.replace(/\s+or pg_catalog\.pg_has_role\([^)]*\)/, '');
}
