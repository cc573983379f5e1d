import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { DATABASE, withClient } from '../offline/servers.ts';
import { statFields } from '../processUsage.ts';
import type { OnlineSite } from './onlineCase.ts';
import { until } from './work.ts';

/**
 * Processes that stand still while a backlog is made: those of a follower and the walsenders that serve
 * it. What is measured afterwards is then the work itself, and not how fast either of them starts.
 */
export interface HeldProcesses {
  hold(): Promise<void>;
  release(): void;
}

/** A process to hold, and the server that tells what it waits for; absent: it is no server's. */
export interface Held {
  pid: number;
  server?: ThrowawayCluster;
}

/** @param followers Asked at each hold: a worker may have been started anew. */
export function heldProcesses(
  site: OnlineSite,
  slots: readonly string[],
  followers: () => Promise<readonly Held[]>,
): HeldProcesses {
  let held: readonly Held[] = [];
  const release = (): void => {
    const released = held;
    held = [];
    for (const { pid } of released) goOn(pid);
  };
  // What waits for a process that stands still would never end.
  site.signal.addEventListener('abort', release);
  return {
    hold: async () => {
      if (held.length > 0) return;
      held = [...(await walsendersOf(site, slots)), ...(await followers())];
      for (const process of held) await stopAtRest(site, process);
    },
    release,
  };
}

/** Stopped anywhere else it may hold a lock that a checkpoint waits for. */
async function stopAtRest(site: OnlineSite, { pid, server }: Held): Promise<void> {
  try {
    await until(site, `the process ${pid} to stand still`, undefined, async () => {
      process.kill(pid, 'SIGSTOP');
      await until(site, `the process ${pid} to stop`, undefined, () => isStopped(pid));
      if (server === undefined || (await isAtRest(site, server, pid))) return true;
      goOn(pid);
      return false;
    });
  } catch (error) {
    goOn(pid);
    throw error;
  }
}

async function isAtRest(site: OnlineSite, server: ThrowawayCluster, pid: number): Promise<boolean> {
  return withClient(server, 'postgres', site.signal, async (client) => {
    const { rowCount } = await client.query(
      `select from pg_stat_activity where pid = $1 and wait_event_type in ('Activity', 'Client')`,
      [pid],
    );
    return rowCount === 1;
  });
}

function goOn(pid: number): void {
  // A process that has died meanwhile is missed by what waits for its work.
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    return;
  }
}

async function walsendersOf(site: OnlineSite, slots: readonly string[]): Promise<Held[]> {
  const { source } = site.servers;
  return withClient(source, DATABASE, site.signal, async (client) => {
    let pids: number[] = [];
    await until(site, `a reader of ${slots.join(', ')}`, undefined, async () => {
      const { rows } = await client.query<{ pid: number }>(
        `select active_pid as pid from pg_replication_slots
         where slot_name = any ($1) and active_pid is not null`,
        [slots],
      );
      pids = rows.map(({ pid }) => pid);
      return pids.length === slots.length;
    });
    return pids.map((pid) => ({ pid, server: source }));
  });
}

async function isStopped(pid: number): Promise<boolean> {
  const fields = await statFields(pid);
  if (fields === undefined) throw new Error(`The process ${pid} has ended.`);
  return fields[0] === 'T';
}
