import { invalidProperty } from '../../shared/api/errors.ts';
import { isAlive, RUNTIME_SILENT_MS, runtimeIdOf } from '../../shared/contracts/runtimes.ts';
import type { RuntimeId } from '../../shared/contracts/runtimes.ts';
import type { ApiCall } from './call.ts';

const PROPERTY = 'properties.migrationInstanceResourceId';

/**
 * The worker group that a body names.
 *
 * @throws ApiError 400 where there is none of that id, or it has fallen silent.
 */
export async function requireRuntime(
  { stores }: Pick<ApiCall, 'stores'>,
  named: string | undefined,
): Promise<RuntimeId> {
  if (named === undefined) return undefined;
  const id = runtimeIdOf(named);
  const now = new Date();
  const found = await stores.runtimes.get(id);
  if (found !== undefined && isAlive(found, now)) return id;
  if (found !== undefined) {
    throw invalidProperty(
      PROPERTY,
      `The worker group '${named}' was heard of last on ${found.seenOn}, more than ` +
        `${RUNTIME_SILENT_MS / 60_000} minutes ago: start its function app.`,
    );
  }
  const known = (await stores.runtimes.list())
    .filter((record) => isAlive(record, now))
    .map((record) => record.id);
  throw invalidProperty(
    PROPERTY,
    `There is no worker group '${named}'. ` +
      (known.length === 0 ? 'None is registered' : `Known are ${known.join(', ')}`) +
      '; a deployment with PGMOVE_RUNTIME registers itself.',
  );
}
