import { withClient, DATABASE } from '../offline/servers.ts';
import type { Follower, OnlineSite } from './onlineCase.ts';
import { createTables, until } from './work.ts';

export const NATIVE_NAME = 'native logical replication';

const NAME = 'bench_native';

/** One subscription for all tables. Answers when their rows are copied; it is on hold then. */
export async function openNative(site: OnlineSite, pgbenchScale: number): Promise<Follower> {
  const { source, target, sourceUri } = site.servers;
  await target.createDatabase(NAME);
  // Else a subscription that is enabled within five seconds of its last start waits for the rest.
  await target.run(`alter system set wal_retrieve_retry_interval = '10ms'`);
  await target.run('select pg_reload_conf()');
  await createTables(site, target, NAME, pgbenchScale);
  await source.run(`create publication ${NAME} for all tables`, DATABASE);
  const onTarget = (sql: string): Promise<void> => target.run(sql, NAME);
  await onTarget(`create subscription ${NAME} connection '${sourceUri}' publication ${NAME}`);
  await withClient(target, NAME, site.signal, async (client) => {
    await until(site, 'the copy of the subscription', undefined, async () => {
      const { rows } = await client.query(
        `select from pg_subscription_rel where srsubstate <> 'r'`,
      );
      return rows.length === 0;
    });
  });
  const follower: Follower = {
    name: NATIVE_NAME,
    database: NAME,
    hold: async () => {
      await onTarget(`alter subscription ${NAME} disable`);
      await slotIsFree(site, NAME);
    },
    release: () => onTarget(`alter subscription ${NAME} enable`),
    failure: () => Promise.resolve(undefined),
    pid: () => undefined,
  };
  await follower.hold();
  return follower;
}

/** Nobody reads the slot any more. */
export async function slotIsFree(site: OnlineSite, slot: string): Promise<void> {
  await withClient(site.servers.source, DATABASE, site.signal, async (client) => {
    await until(site, `the end of the stream of ${slot}`, undefined, async () => {
      const { rows } = await client.query(
        'select from pg_replication_slots where slot_name = $1 and active',
        [slot],
      );
      return rows.length === 0;
    });
  });
}
