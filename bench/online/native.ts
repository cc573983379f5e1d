import { withClient, DATABASE } from '../offline/servers.ts';
import { heldProcesses } from './heldProcesses.ts';
import type { Follower, OnlineSite } from './onlineCase.ts';
import { createTables, until } from './work.ts';

export const NATIVE_NAME = 'native logical replication';

const NAME = 'bench_native';

/** One subscription for all tables. Answers when their rows are copied. */
export async function openNative(site: OnlineSite, pgbenchScale: number): Promise<Follower> {
  const { source, target, sourceUri } = site.servers;
  await target.createDatabase(NAME);
  // Neither end gives up while both stand still.
  await source.run(`alter system set wal_sender_timeout = '1h'`);
  await target.run(`alter system set wal_receiver_timeout = '1h'`);
  await Promise.all([source, target].map((server) => server.run('select pg_reload_conf()')));
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
  const held = heldProcesses(site, [NAME], () =>
    withClient(target, NAME, site.signal, async (client) => {
      const { rows } = await client.query<{ pid: number }>(
        'select pid from pg_stat_subscription where subname = $1 and pid is not null',
        [NAME],
      );
      return rows.map(({ pid }) => ({ pid, server: target }));
    }),
  );
  return {
    name: NATIVE_NAME,
    database: NAME,
    ...held,
    failure: () => Promise.resolve(undefined),
    pid: () => undefined,
  };
}
