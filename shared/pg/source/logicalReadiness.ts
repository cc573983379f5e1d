import pg from 'pg';
import { codeOf, messageOf } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import { alterSystemSql } from './alterSystem.ts';
import type { WantedSetting } from './alterSystem.ts';

/** The decoding plugin that the stream is made with. */
export const PLUGIN = 'wal2json';

export interface ReadinessFinding {
  /** Of the published service: 603107. */
  code?: string;
  /** The setting it is about, and the value it needs; a list for a setting that is one. */
  setting?: WantedSetting;
  /** What a superuser of the source runs against it, as it is. */
  statements?: readonly string[];
  state: 'Failed' | 'Warning';
  /** What is wrong, and what to do about it. */
  message: string;
  /** Whether setupLogicalReplicationOnSourceDbIfNeeded can do something about it. */
  fixable:
    | 'now'
    // It is written, or can be, and the operator then restarts the server.
    | 'restart'
    // Our user may not, but the operator can: by the provider's parameters, or as a superuser.
    | 'byOperator'
    | 'no';
  /** Already written; only the restart is missing. */
  isPendingRestart?: boolean;
}

export interface ReadinessOptions {
  /** Databases that get a slot and a stream each. */
  databaseCount: number;
  /** Slots of this migration that are there already. */
  ownSlots?: readonly string[];
  /** Leaves out what makes a temporary slot, for looks that come every few seconds. */
  isQuick?: boolean;
}

interface Facts {
  user: string;
  is_standby: boolean;
  wal_level: string;
  max_slots: number;
  used_slots: number;
  own_slots: number;
  max_senders: number;
  used_senders: number;
  is_superuser: boolean;
  can_replicate: boolean;
  /** Undefined where the server has no such setting, null where it may not be read. */
  plugin_libraries: string | null;
  pending: string[];
  alterable: string[];
}

/** Settings that the check may want to be changed. */
const SETTINGS = [
  'wal_level',
  'max_replication_slots',
  'max_wal_senders',
  'output_plugin_libraries',
];

const RELOAD = 'select pg_catalog.pg_reload_conf()';

/** Below this a transaction is expected to end by itself while the slot waits for it. */
const LONG_TRANSACTION_SECONDS = 60;

/** What the source lacks for an online migration, as findings; an empty list is a ready source. */
export async function checkLogicalReadiness(
  session: PgSession,
  options: ReadinessOptions,
): Promise<ReadinessFinding[]> {
  const facts = await readFacts(session, options);
  if (facts.is_standby) {
    return [
      {
        state: 'Failed',
        message:
          'The source is a standby: a change stream and its snapshots need the primary. Name the ' +
          "primary server as the migration's source.",
        fixable: 'no',
      },
    ];
  }
  const findings = [
    ...walLevel(facts),
    ...slots(facts, options.databaseCount),
    ...senders(facts, options.databaseCount),
    ...replicationRight(facts),
    ...pluginAllowed(facts),
  ];
  if (options.isQuick !== true && !findings.some(({ state }) => state === 'Failed')) {
    findings.push(...(await probePluginInstalled(session)));
  }
  return [...findings, ...(await slotBlockers(session)), ...(await slotLimits(session))];
}

async function readFacts(session: PgSession, options: ReadinessOptions): Promise<Facts> {
  // The right to change one setting is there from 15 on, the switch against ALTER SYSTEM from 17.
  const alterable =
    session.serverVersion >= 150000
      ? "r.rolsuper or pg_catalog.has_parameter_privilege(s.name, 'alter system')"
      : 'r.rolsuper';
  const { rows } = await session.query<Facts>(
    `select pg_catalog.quote_ident(r.rolname) as user,
       pg_catalog.pg_is_in_recovery() as is_standby,
       pg_catalog.current_setting('wal_level') as wal_level,
       pg_catalog.current_setting('max_replication_slots')::int as max_slots,
       (select count(*)::int from pg_catalog.pg_replication_slots) as used_slots,
       (select count(*)::int from pg_catalog.pg_replication_slots
        where slot_name = any ($1)) as own_slots,
       pg_catalog.current_setting('max_wal_senders')::int as max_senders,
       (select count(*)::int from pg_catalog.pg_stat_replication
        where application_name is null or application_name not like 'pgmove/%') as used_senders,
       r.rolsuper as is_superuser,
       r.rolsuper or r.rolreplication or exists (
         select from pg_catalog.pg_roles g where g.rolname = 'rds_replication'
           and pg_catalog.pg_has_role(g.oid, 'member')) as can_replicate,
       (select s.setting from pg_catalog.pg_settings s where s.name = 'output_plugin_libraries')
         as plugin_libraries,
       (select coalesce(pg_catalog.json_agg(s.name), '[]') from pg_catalog.pg_settings s
        where s.name = any ($2) and s.pending_restart) as pending,
       (select coalesce(pg_catalog.json_agg(s.name), '[]') from pg_catalog.pg_settings s
        where s.name = any ($2) and (${alterable})
          and not exists (select from pg_catalog.pg_settings o
            where o.name = 'allow_alter_system' and o.setting = 'off')) as alterable
     from pg_catalog.pg_roles r where r.rolname = current_user`,
    [options.ownSlots ?? [], SETTINGS],
  );
  const row = rows[0];
  if (row === undefined) throw new Error('The current user is not among the roles.');
  return row;
}

/** How a setting that only a restart brings into force can come to be. */
function restartSetting(
  facts: Facts,
  name: string,
  wanted: string,
  problem: string,
  providerNames: string,
): Pick<ReadinessFinding, 'message' | 'fixable' | 'setting' | 'statements' | 'isPendingRestart'> {
  const setting = { name, wanted };
  const statements = [alterSystemSql(setting)];
  if (facts.pending.includes(name)) {
    const message = `${problem} A new value of ${name} is written: restart the source.`;
    return { setting, statements, fixable: 'restart', isPendingRestart: true, message };
  }
  const isAlterable = facts.alterable.includes(name);
  const remedy = isAlterable
    ? `Set ${name} = ${wanted} and restart the source; setupLogicalReplicationOnSourceDbIfNeeded ` +
      '"True" does the first.'
    : `Set ${name} = ${wanted}${providerNames} and restart the source.`;
  return {
    setting,
    statements,
    fixable: isAlterable ? 'restart' : 'byOperator',
    message: `${problem} ${remedy}`,
  };
}

function walLevel(facts: Facts): ReadinessFinding[] {
  if (facts.wal_level === 'logical') return [];
  const problem = `wal_level of the source is ${facts.wal_level}, it must be logical (603107).`;
  const names =
    ' (rds.logical_replication = 1 on AWS, cloudsql.logical_decoding = on on Google Cloud, the ' +
    'server parameter wal_level on Azure)';
  const rest = restartSetting(facts, 'wal_level', 'logical', problem, names);
  return [{ code: '603107', state: 'Failed', ...rest }];
}

function slots(facts: Facts, databaseCount: number): ReadinessFinding[] {
  const needed = databaseCount - facts.own_slots;
  const free = facts.max_slots - facts.used_slots;
  if (free >= needed) return [];
  const wanted = String(facts.used_slots + needed);
  const problem =
    `The source has ${Math.max(free, 0)} free replication slots of ${facts.max_slots}, and ` +
    `${needed} are needed (603105). Drop slots that nobody reads (pg_replication_slots), or:`;
  const rest = restartSetting(facts, 'max_replication_slots', wanted, problem, '');
  return [{ code: '603105', state: 'Failed', ...rest }];
}

function senders(facts: Facts, databaseCount: number): ReadinessFinding[] {
  const free = facts.max_senders - facts.used_senders;
  if (free >= databaseCount) return [];
  const wanted = String(facts.used_senders + databaseCount);
  const problem =
    `The source has ${Math.max(free, 0)} free WAL senders of ${facts.max_senders}, and ` +
    `${databaseCount} are needed (603106).`;
  const rest = restartSetting(facts, 'max_wal_senders', wanted, problem, '');
  return [{ code: '603106', state: 'Failed', ...rest }];
}

function replicationRight(facts: Facts): ReadinessFinding[] {
  if (facts.can_replicate) return [];
  const message =
    "The migration's user may not replicate from the source (603104). Run ALTER ROLE … REPLICATION " +
    'for it as a superuser (GRANT rds_replication TO … on AWS).';
  // Some providers let their administrators give it to themselves: whether, only a try tells.
  const statements = [`alter role ${facts.user} replication`];
  return [{ code: '603104', statements, state: 'Failed', message, fixable: 'now' }];
}

function pluginAllowed(facts: Facts): ReadinessFinding[] {
  if (facts.plugin_libraries === null) return [];
  const libraries = parseLibraries(facts.plugin_libraries);
  if (libraries.includes(PLUGIN)) return [];
  const name = 'output_plugin_libraries';
  const wanted = [...libraries, PLUGIN];
  const isAlterable = facts.alterable.includes(name);
  const message =
    `The source refuses ${PLUGIN} as an output plugin (${name}). Run ALTER SYSTEM SET ${name} = ` +
    `${wanted.join(', ')} (a list without quotes) and SELECT pg_reload_conf()` +
    (isAlterable ? '; setupLogicalReplicationOnSourceDbIfNeeded "True" does it.' : '.');
  const fixable = isAlterable ? 'now' : 'byOperator';
  const setting = { name, wanted };
  return [
    { setting, statements: [alterSystemSql(setting), RELOAD], state: 'Failed', message, fixable },
  ];
}

/** A list setting as pg_settings shows it; elements may stand in double quotes. */
export function parseLibraries(text: string): string[] {
  return text
    .split(',')
    .map((element) => element.trim().replace(/^"(.*)"$/s, '$1'))
    .filter((element) => element !== '');
}

/** Nobody says which plugins are installed: only making a slot shows it. */
async function probePluginInstalled(session: PgSession): Promise<ReadinessFinding[]> {
  const unchecked = (reason: string): ReadinessFinding[] => [
    {
      state: 'Warning',
      message: `Whether ${PLUGIN} is installed on the source was not checked: ${reason}.`,
      fixable: 'no',
    },
  ];
  const { rows } = await session.query(`${RUNNING_SQL} limit 1`);
  if (rows.length > 0) return unchecked('transactions are running that a slot would wait for');
  const slot = `pgmove_probe_${session.backendPid}`;
  const isTemporary = session.serverVersion >= 100000;
  try {
    await session.query("set statement_timeout = '5s'");
    await session.query(
      `select pg_catalog.pg_create_logical_replication_slot($1, $2${isTemporary ? ', true' : ''})`,
      [slot, PLUGIN],
    );
    await session.query('set statement_timeout = 0');
    await session.query('select pg_catalog.pg_drop_replication_slot($1)', [slot]);
    return [];
  } catch (error) {
    await session.query('set statement_timeout = 0');
    // 58P01: the library's file is not there. 57014: a transaction began that the slot waits for.
    // 53400: the last free slot went to somebody else.
    if (codeOf(error) === '57014') return unchecked('a slot had to wait for transactions');
    if (codeOf(error) === '53400') return unchecked('no replication slot was free');
    const message =
      codeOf(error) === '58P01'
        ? `${PLUGIN} is not installed on the source. Install it (Debian: postgresql-NN-wal2json).`
        : `The source makes no slot with ${PLUGIN}: ${messageOf(error)}.`;
    return [{ state: 'Failed', message, fixable: 'no' }];
  }
}

/** Transactions of others that have an xid; their lock on it is for everybody to see. */
const RUNNING_SQL = `
  select l.pid, l.transactionid::text as xid from pg_catalog.pg_locks l
  where l.locktype = 'transactionid' and l.mode = 'ExclusiveLock' and l.granted
    and l.pid is distinct from pg_catalog.pg_backend_pid()`;

/** T40: a slot waits for every transaction that was running when it is made, in any database. */
async function slotBlockers(session: PgSession): Promise<ReadinessFinding[]> {
  const long = await session.query<{ pid: number; seconds: number }>(
    `select r.pid, extract(epoch from pg_catalog.now() - a.xact_start)::int as seconds
     from (${RUNNING_SQL}) r join pg_catalog.pg_stat_activity a on a.pid = r.pid
     where a.xact_start < pg_catalog.now() - pg_catalog.make_interval(secs => $1)
     order by a.xact_start`,
    [LONG_TRANSACTION_SECONDS],
  );
  const prepared = await session.query<{ gid: string; database: string }>(
    'select gid, database from pg_catalog.pg_prepared_xacts order by prepared',
  );
  const findings: ReadinessFinding[] = [];
  if (long.rows.length > 0) {
    const pids = long.rows.map(({ pid, seconds }) => `${pid} (${seconds} s)`).join(', ');
    const message = `The slot will wait for transactions that run since long, of pids ${pids}. End them.`;
    const statements = long.rows.map(({ pid }) => `select pg_catalog.pg_terminate_backend(${pid})`);
    findings.push({ statements, state: 'Warning', message, fixable: 'no' });
  }
  if (prepared.rows.length > 0) {
    const gids = prepared.rows.map(({ gid, database }) => `'${gid}' in ${database}`).join(', ');
    const message =
      `The slot will wait for prepared transactions: ${gids}. Commit or roll them back, each in its ` +
      'database.';
    const statements = prepared.rows.map(({ gid }) => `rollback prepared ${pg.escapeLiteral(gid)}`);
    findings.push({ statements, state: 'Warning', message, fixable: 'no' });
  }
  return findings;
}

/** T60: what may take the slot away, or the connection that reads it. */
async function slotLimits(session: PgSession): Promise<ReadinessFinding[]> {
  const { rows } = await session.query<{ name: string; setting: string; shown: string }>(
    `select name, setting, pg_catalog.current_setting(name) as shown from pg_catalog.pg_settings
     where name in ('max_slot_wal_keep_size', 'idle_replication_slot_timeout', 'wal_sender_timeout')`,
  );
  const valueOf = (name: string) => rows.find((row) => row.name === name);
  const findings: ReadinessFinding[] = [];
  const warn = (message: string, name: string, wanted: string) => {
    const statements = [`alter system set ${name} = ${wanted}`, RELOAD];
    findings.push({ statements, state: 'Warning', message, fixable: 'no' });
  };
  const keep = valueOf('max_slot_wal_keep_size');
  if (keep !== undefined && Number(keep.setting) >= 0) {
    warn(
      `max_slot_wal_keep_size of the source is ${keep.shown}: should the stream stand still for ` +
        'longer than that much WAL, its slot is lost and the copy starts again. Give it room; without ' +
        'any limit the disk is the limit.',
      'max_slot_wal_keep_size',
      '-1',
    );
  }
  const idle = valueOf('idle_replication_slot_timeout');
  if (idle !== undefined && Number(idle.setting) > 0) {
    warn(
      `idle_replication_slot_timeout of the source is ${idle.shown}: a slot whose stream is ` +
        'interrupted for longer is lost. Set it to 0 for the time of the migration.',
      'idle_replication_slot_timeout',
      '0',
    );
  }
  const timeout = valueOf('wal_sender_timeout');
  // From 12 on the stream's own session sets it.
  const isShort =
    timeout !== undefined && Number(timeout.setting) > 0 && Number(timeout.setting) < 30_000;
  if (isShort && session.serverVersion < 120000) {
    warn(
      `wal_sender_timeout of the source is ${timeout.shown}: the stream may be cut while a large ` +
        'transaction is decoded. Set it to 0 or to a minute.',
      'wal_sender_timeout',
      '0',
    );
  }
  return findings;
}
