import { createApiClient, LOCAL_RESOURCE_GROUP, LOCAL_SUBSCRIPTION } from '../../cli/apiClient.ts';
import type { MigrationApi, MigrationResource } from '../../cli/apiClient.ts';
import { gateOf } from '../../cli/migrate/gates.ts';
import { migrationBody, serverNameOf } from '../../cli/migrate/requestBody.ts';
import { hasEnded } from '../../cli/migrate/summary.ts';
import { parseConnectionUri } from '../../shared/pg/connectionUri.ts';
import { PGMOVE_NAME } from '../offline/pgmove.ts';
import { DATABASE, withClient } from '../offline/servers.ts';
import { heldProcesses } from './heldProcesses.ts';
import type { Follower, OnlineSite } from './onlineCase.ts';
import type { OnlineStack } from './stack.ts';

export interface PgmoveFollower extends Follower {
  /** Cuts over and waits for the end; milliseconds as the result says, and as it felt from here. */
  cutOver(): Promise<{ durationMs: number; wallMs: number }>;
}

/** An online migration of the bench's database. Answers when it waits for its cutover. */
export async function openPgmove(
  site: OnlineSite,
  stack: OnlineStack,
  database: string,
): Promise<PgmoveFollower> {
  const { sourceUri, target } = site.servers;
  await target.createDatabase(database);
  const [from, to] = await Promise.all([
    parseConnectionUri(sourceUri, {}),
    parseConnectionUri(target.uri(database), {}),
  ]);
  const api = createApiClient(
    { url: stack.url },
    {
      subscriptionId: LOCAL_SUBSCRIPTION,
      resourceGroup: LOCAL_RESOURCE_GROUP,
      server: serverNameOf(to),
    },
  );
  const name = `bench-${database.replaceAll('_', '-')}`;
  const options = { source: sourceUri, target: target.uri(database), verify: 'none' } as const;
  const pairs = [{ source: DATABASE, target: database }];
  await api.create(name, await migrationBody({ ...options, online: true }, from, to, pairs));
  await waitFor(site, api, name, (resource) => gateOf(resource) === 'WaitingForCutoverTrigger');
  return {
    name: PGMOVE_NAME,
    database,
    ...heldProcesses(site, await slotsOf(site), () =>
      Promise.resolve([{ pid: stack.replicatorPid }]),
    ),
    failure: async () => failureOf(await api.get(name)),
    pid: () => stack.replicatorPid,
    cutOver: async () => {
      const startedAt = performance.now();
      await api.update(name, { triggerCutover: 'True' });
      const end = await waitFor(site, api, name, hasEnded);
      const wallMs = performance.now() - startedAt;
      const details = end.properties.currentStatus.currentSubStateDetails?.dbDetails ?? {};
      const durationMs = details[DATABASE]?.cutover?.durationMs;
      if (durationMs === undefined) throw new Error('The result does not say how long it took.');
      return { durationMs, wallMs };
    },
  };
}

async function waitFor(
  site: OnlineSite,
  api: MigrationApi,
  name: string,
  isThere: (resource: MigrationResource) => boolean,
): Promise<MigrationResource> {
  for (;;) {
    site.signal.throwIfAborted();
    const resource = await api.get(name, { waitSeconds: 1 });
    const failure = failureOf(resource);
    if (failure !== undefined) throw new Error(failure);
    if (isThere(resource)) return resource;
  }
}

function failureOf(resource: MigrationResource): string | undefined {
  const { state, error, currentSubStateDetails } = resource.properties.currentStatus;
  const databases = Object.values(currentSubStateDetails?.dbDetails ?? {});
  const failed = databases.find(({ migrationState }) => migrationState === 'Failed');
  if (failed !== undefined) return failed.message ?? 'the database failed';
  if (!hasEnded(resource) || state === 'Succeeded') return undefined;
  return `${state}: ${error ?? ''}`;
}

async function slotsOf(site: OnlineSite): Promise<string[]> {
  return withClient(site.servers.source, DATABASE, site.signal, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `select slot_name::text as name from pg_replication_slots where plugin = 'wal2json'`,
    );
    return rows.map((row) => row.name);
  });
}
