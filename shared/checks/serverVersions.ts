import { clientBinaries } from '../pg/clientBinaries.ts';
import type { PgSession } from '../pg/connect.ts';
import type { ServerRule } from './rule.ts';

const OLDEST_SOURCE = 90500;

/** pg_dump writes statements that older servers do not understand. */
const OLDEST_TARGET = 110000;

export const serverVersions: ServerRule = {
  id: 'server-versions',
  type: 'SourceVersionValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603400'],
  looksAt:
    'Versions: the source is 9.5 or newer, the target 11 or newer and no older than the source, ' +
    'pg_dump no older than the source.',
  remedy:
    'Upgrade the source, migrate to a newer server, or install newer client programs (PG_BIN_DIR).',
  async check({ source, target }) {
    const message = await versionProblem(source, target);
    return message === undefined ? [] : [{ message }];
  },
};

/** Why no migration is possible between the versions. */
export async function versionProblem(
  source: Pick<PgSession, 'serverVersion'>,
  target: Pick<PgSession, 'serverVersion'>,
): Promise<string | undefined> {
  const [from, to] = [source.serverVersion, target.serverVersion];
  if (from < OLDEST_SOURCE) {
    return `The source is PostgreSQL ${versionText(from)}; 9.5 is the oldest that can be migrated (603400).`;
  }
  if (Math.floor(to / 10000) < Math.floor(from / 10000)) {
    return (
      `The target (PostgreSQL ${versionText(to)}) is older than the source (${versionText(from)}). ` +
      'Migrate to a server of the same or a newer major version.'
    );
  }
  if (to < OLDEST_TARGET) {
    return `The target is PostgreSQL ${versionText(to)}; 11 is the oldest that can be migrated to.`;
  }
  const { folder, majorVersion } = await clientBinaries();
  if (majorVersion < Math.floor(from / 10000)) {
    return (
      `The source is PostgreSQL ${versionText(from)}, but pg_dump in ${folder} is of version ` +
      `${majorVersion}. Install the client programs of version ${Math.floor(from / 10000)} or ` +
      'newer, or set PG_BIN_DIR.'
    );
  }
  return undefined;
}

export function versionText(serverVersion: number): string {
  const major = Math.floor(serverVersion / 10000);
  if (major >= 10) return `${major}.${serverVersion % 10000}`;
  return `${major}.${Math.floor(serverVersion / 100) % 100}.${serverVersion % 100}`;
}
