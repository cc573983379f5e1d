import { holdSnapshot } from '../../shared/pg/copy/snapshot.ts';
import type { ActivityEnvironment } from './defineActivity.ts';
import { tableFilterOf } from './replicaIdentities.ts';

/** A snapshot to read under, for as long as the activity runs. */
export interface ActivitySnapshot extends AsyncDisposable {
  readonly id: string;
}

/** The snapshot that the replicator holds; or, online, where it holds none, one of our own. */
export async function activitySnapshot(
  env: ActivityEnvironment,
  database: string,
  held: string,
): Promise<ActivitySnapshot> {
  if (held !== '') return { id: held, [Symbol.asyncDispose]: () => Promise.resolve() };
  const own = await holdSnapshot(env.endpoint('source', database), {
    filter: tableFilterOf(env.record.spec),
    applicationName: `pgmove/${env.record.ref.name}/snapshot`,
    signal: env.signal,
  });
  return { id: own.snapshot, [Symbol.asyncDispose]: () => own.release() };
}
