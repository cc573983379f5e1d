import { migrationNotFound } from '../../shared/api/errors.ts';
import { parseMigrationName } from '../../shared/api/path.ts';
import { toResource } from '../../shared/api/projection.ts';
import type { MigrationResource } from '../../shared/api/resource.ts';
import type { MigrationRecord, ReplicationRecord } from '../../shared/contracts/records.ts';
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
  return { status, jsonBody: await readResource(call, record) };
}

/** Reads by partition: the tables of a migration are never scanned for an answer. */
export async function readResource(
  call: ApiCall,
  record: MigrationRecord,
): Promise<MigrationResource> {
  const { id } = record.ref;
  const replications: ReplicationRecord[] = [];
  if (record.spec.mode === 'Online') {
    for await (const row of call.stores.replications.list(id)) replications.push(row);
  }
  return toResource(record, await call.stores.databases.list(id), replications);
}
