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
    const notCarried = addNotCarried(row.notCarried, items);
    return notCarried.length === row.notCarried.length
      ? undefined
      : { record: { ...row, notCarried } };
  });
}

/** The list with what is not in it yet. */
export function addNotCarried(
  list: readonly NotCarriedRecord[],
  items: readonly NotCarried[],
): NotCarriedRecord[] {
  const known = new Set(list.map(keyOf));
  return [...list, ...items.map(toRecord).filter((item) => !known.has(keyOf(item)))];
}

function keyOf(item: NotCarriedRecord): string {
  return `${item.object}\n${item.reason}`;
}

function toRecord({ subject, reason, count, objects }: NotCarried): NotCarriedRecord {
  const more = count > objects.length ? ` and ${count - objects.length} more` : '';
  return { object: `${subject}: ${objects.join(', ')}${more}`, reason };
}
