import { parseConnectionUri } from '../../shared/pg/connectionUri.ts';
import { usageError } from '../exitCode.ts';
import { serverNameOf } from '../migrate/requestBody.ts';

/** The server's name, given as such or by the `--target` of pgmove migrate. */
export async function serverOf({
  serverName,
  target,
}: {
  serverName?: string;
  target?: string;
}): Promise<string> {
  if (serverName !== undefined) return serverName;
  if (target !== undefined) return serverNameOf(await parseConnectionUri(target));
  throw usageError(
    'Which server? Give its --server-name, or the --target of pgmove migrate: a name of a migration ' +
      'is unique for its target server only.',
  );
}
