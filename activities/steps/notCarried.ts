import type { NotCarried as NotCarriedRecord } from '../../shared/contracts/records.ts';
import type { MigrationRef } from '../../shared/contracts/records.ts';
import type { NotCarried } from '../../shared/pg/schema/notCarried.ts';
import type { Stores } from '../../shared/state/stores.ts';

/** Adds to the database's result what was not carried; a step that runs twice adds it once. */
export async function noteNotCarried(
  stores: Stores,
  ref: MigrationRef,
  database: string,
  items: readonly NotCarried[],
): Promise<void> {
  if (items.length === 0) return;
  await stores.databases.update(ref.id, database, (row) => {
    const known = new Set(row.notCarried.map(keyOf));
    const added = items.map(toRecord).filter((item) => !known.has(keyOf(item)));
    if (added.length === 0) return undefined;
    return { record: { ...row, notCarried: [...row.notCarried, ...added] } };
  });
}

function keyOf(item: NotCarriedRecord): string {
  return `${item.object}\n${item.reason}`;
}

function toRecord({ subject, reason, count, objects }: NotCarried): NotCarriedRecord {
  const more = count > objects.length ? ` and ${count - objects.length} more` : '';
  return { object: `${subject}: ${objects.join(', ')}${more}`, reason };
}
