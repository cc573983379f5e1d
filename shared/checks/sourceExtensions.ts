import type { PgSession } from '../pg/connect.ts';

export interface SourceExtension {
  name: string;
  version: string;
}

export async function readExtensions(source: PgSession): Promise<SourceExtension[]> {
  const { rows } = await source.query<SourceExtension>(
    'select extname as name, extversion as version from pg_catalog.pg_extension order by 1',
  );
  return rows;
}

/** `3.2.3` → [3, 2, 3]; what is no number ends it. */
function versionParts(version: string): number[] {
  const [numbers = ''] = /^[\d.]*/.exec(version) ?? [];
  return numbers.split('.').map(Number);
}

/** Below zero where a is older than b. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [versionParts(a), versionParts(b)];
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
