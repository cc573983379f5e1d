import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { messageOf } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import type { ReadinessFinding } from './logicalReadiness.ts';
import { alterSystemSql } from './alterSystem.ts';

export interface SetupReport {
  /** What was changed on the source: "wal_level = logical (after a restart)". */
  changed: string[];
  /** What the source refused, as sentences. */
  refused: string[];
}

/**
 * `setupLogicalReplicationOnSourceDbIfNeeded`: sets what the findings ask for and our rights allow.
 * Whether it was enough, the next check tells. Nothing is put back at the end of the migration: a
 * restart for it would be worse than the setting. Idempotent.
 */
export async function setupLogicalReplication(
  session: PgSession,
  findings: readonly ReadinessFinding[],
): Promise<SetupReport> {
  const report: SetupReport = { changed: [], refused: [] };
  for (const { code, setting, state, fixable, isPendingRestart } of findings) {
    if (state !== 'Failed' || isPendingRestart === true) continue;
    if (fixable !== 'now' && fixable !== 'restart') continue;
    if (setting === undefined && code !== '603104') continue;
    const sql = setting === undefined ? await grantSql(session) : alterSystemSql(setting);
    const when = fixable === 'restart' ? ' (after a restart)' : '';
    try {
      await session.query(sql);
      report.changed.push(`${sql}${when}`);
    } catch (error) {
      report.refused.push(`The source refused "${sql}": ${messageOf(error)}.`);
    }
  }
  if (report.changed.length > 0) await reload(session, findings, report);
  return report;
}

async function grantSql(session: PgSession): Promise<string> {
  const { rows } = await session.query<{ name: string }>('select current_user::text as name');
  return `alter role ${pg.escapeIdentifier(rows[0]?.name ?? '')} replication`;
}

const RELOAD_WAIT_MS = 5_000;

/** The session itself is told by a signal: what it shows after it is what new sessions get. */
async function reload(
  session: PgSession,
  findings: readonly ReadinessFinding[],
  report: SetupReport,
): Promise<void> {
  const names = findings.flatMap(({ setting }) => (setting === undefined ? [] : [setting.name]));
  const look = async () =>
    JSON.stringify(
      (
        await session.query(
          `select name, setting, pending_restart from pg_catalog.pg_settings
           where name = any ($1) order by 1`,
          [names],
        )
      ).rows,
    );
  const before = await look();
  try {
    await session.query('select pg_catalog.pg_reload_conf()');
  } catch (error) {
    report.refused.push(
      `The source's configuration could not be reloaded (pg_reload_conf): ${messageOf(error)}.`,
    );
    return;
  }
  if (names.length === 0) return;
  const until = Date.now() + RELOAD_WAIT_MS;
  while (Date.now() < until && (await look()) === before) await sleep(50);
}
