import type { DatabaseRecord, ReplicationRecord } from '../../shared/contracts/records.ts';

/** What an answer shows of a migration beside its own row. */
export interface Details {
  databases: DatabaseRecord[];
  replications: ReplicationRecord[];
}

/** Characters of JSON, over all that is remembered. */
const MOST_CHARACTERS = 32 * 1024 * 1024;

interface Remembered {
  tag: string;
  details: Details;
  size: number;
}

const remembered = new Map<string, Remembered>();
let size = 0;

/**
 * The details of a migration as they were under the same tag, or as `read` gives them now. A list of
 * many migrations reads so only those that have changed.
 */
export async function recallDetails(
  migrationId: string,
  tag: string,
  read: () => Promise<Details>,
): Promise<Details> {
  const known = remembered.get(migrationId);
  if (known?.tag === tag) {
    // The one that was asked for longest ago comes first.
    remembered.delete(migrationId);
    remembered.set(migrationId, known);
    return known.details;
  }
  const details = await read();
  forget(migrationId);
  const entry = { tag, details, size: JSON.stringify(details).length };
  remembered.set(migrationId, entry);
  size += entry.size;
  for (const oldest of remembered.keys()) {
    if (size <= MOST_CHARACTERS) break;
    forget(oldest);
  }
  return details;
}

function forget(migrationId: string): void {
  size -= remembered.get(migrationId)?.size ?? 0;
  remembered.delete(migrationId);
}
