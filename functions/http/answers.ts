import { migrationNotFound } from '../../shared/api/errors.ts';
import { parseMigrationName } from '../../shared/api/path.ts';
import { toResource } from '../../shared/api/projection.ts';
import type { MigrationRecord } from '../../shared/contracts/records.ts';
import type { ApiAnswer, ApiCall } from './call.ts';

/** @throws ApiError 404 */
export async function requireMigration(call: ApiCall): Promise<MigrationRecord> {
  const name = parseMigrationName(call.migrationName);
  const record = await call.stores.migrations.find(call.scope, name);
  if (record === undefined) throw migrationNotFound(name);
  return record;
}

export async function answerMigration(
  call: ApiCall,
  record: MigrationRecord,
  status = 200,
): Promise<ApiAnswer> {
  const databases = await call.stores.databases.list(record.ref.id);
  return { status, jsonBody: toResource(record, databases) };
}
