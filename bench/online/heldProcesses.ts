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

/** @param followers Asked at each hold: a worker may have been started anew. */
export function heldProcesses(
  site: OnlineSite,
  slots: readonly string[],
  followers: () => Promise<readonly number[]>,
): HeldProcesses {
  let held: readonly number[] = [];
  return {
    hold: async () => {
      if (held.length > 0) return;
      held = [...(await walsendersOf(site, slots)), ...(await followers())];
      for (const pid of held) process.kill(pid, 'SIGSTOP');
      await until(site, 'the processes to stand still', undefined, async () => {
        return (await Promise.all(held.map(isStopped))).every(Boolean);
      });
    },
    release: () => {
      const released = held;
      held = [];
      // A process that has died meanwhile is missed by what waits for its work.
      for (const pid of released) {
        try {
          process.kill(pid, 'SIGCONT');
        } catch {
          continue;
        }
      }
    },
  };
}

async function walsendersOf(site: OnlineSite, slots: readonly string[]): Promise<number[]> {
  return withClient(site.servers.source, DATABASE, site.signal, async (client) => {
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
    return pids;
  });
}

async function isStopped(pid: number): Promise<boolean> {
  const fields = await statFields(pid);
  if (fields === undefined) throw new Error(`The process ${pid} has ended.`);
  return fields[0] === 'T';
}
