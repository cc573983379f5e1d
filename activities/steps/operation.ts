import type { MigrationRef } from '../../shared/contracts/records.ts';
import type { Stores } from '../../shared/state/stores.ts';

/** Says in the database's row what is being done now. */
export async function setOperation(
  stores: Stores,
  ref: MigrationRef,
  database: string,
  operation: string,
): Promise<void> {
  await stores.databases.update(ref.id, database, (row) =>
    row.operation === operation ? undefined : { record: { ...row, operation } },
  );
}
