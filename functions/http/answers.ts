import { ApiError, migrationNotFound } from '../../shared/api/errors.ts';
import { parseMigrationName } from '../../shared/api/path.ts';
import { toResource } from '../../shared/api/projection.ts';
import type { MigrationResource } from '../../shared/api/resource.ts';
import type {
  DatabaseRecord,
  MigrationRecord,
  ReplicationRecord,
} from '../../shared/contracts/records.ts';
import type { ApiAnswer, ApiCall } from './call.ts';
import type { Details } from './detailMemory.ts';

/** @throws ApiError 404 */
export async function requireMigration(call: ApiCall): Promise<MigrationRecord> {
  const name = parseMigrationName(call.migrationName);
  const record = await call.stores.migrations.find(call.scope, name);
  if (record === undefined) throw migrationNotFound(name);
  return record;
}

/**
 * @throws ApiError 404. Some hosts leave an encoded slash of the path as it is.
 */
export async function requireDatabase(call: ApiCall, migrationId: string): Promise<DatabaseRecord> {
  const name = call.request.params.databaseName ?? '';
  for (const candidate of [name, name.replace(/%2f/gi, '/')]) {
    const found = await call.stores.databases.get(migrationId, candidate);
    if (found !== undefined) return found;
  }
  throw new ApiError(
    404,
    'ResourceNotFound',
    `Migration '${call.migrationName}' has no database '${name}', or has not begun with it.`,
  );
}

export async function answerMigration(
  call: ApiCall,
  record: MigrationRecord,
  status = 200,
): Promise<ApiAnswer> {
  return { status, jsonBody: await readResource(call, record) };
}

/** Reads by partition: the tables of a migration are never scanned for an answer. */
export async function readDetails(call: ApiCall, { ref, spec }: MigrationRecord): Promise<Details> {
  const streams = async () => {
    const replications: ReplicationRecord[] = [];
    if (spec.mode !== 'Online') return replications;
    for await (const row of call.stores.replications.list(ref.id)) replications.push(row);
    return replications;
  };
  const [databases, replications] = await Promise.all([
    call.stores.databases.list(ref.id),
    streams(),
  ]);
  return { databases, replications };
}

export async function readResource(
  call: ApiCall,
  record: MigrationRecord,
): Promise<MigrationResource> {
  const { databases, replications } = await readDetails(call, record);
  return toResource(record, databases, replications);
}
