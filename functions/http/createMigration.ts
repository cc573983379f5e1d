import { randomUUID } from 'node:crypto';
import { draftMigration } from '../../shared/api/draft.ts';
import type { Draft } from '../../shared/api/draft.ts';
import { ApiError } from '../../shared/api/errors.ts';
import { refuseForbiddenHost } from '../../shared/api/hostRules.ts';
import { parseBody } from '../../shared/api/parseBody.ts';
import { parseMigrationName } from '../../shared/api/path.ts';
import { toResource } from '../../shared/api/projection.ts';
import { putBodySchema } from '../../shared/api/schemas.ts';
import type { PutBody } from '../../shared/api/schemas.ts';
import { specHash } from '../../shared/api/specHash.ts';
import { migrationEvent, MOST_EVENT_NAMES } from '../../shared/contracts/events.ts';
import { instanceIdOf } from '../../shared/contracts/names.ts';
import type { EventRecord, MigrationRecord } from '../../shared/contracts/records.ts';
import { isEnded } from '../../shared/contracts/status.ts';
import { MigrationError, messageOf } from '../../shared/errors/migrationError.ts';
import type { RuntimeId } from '../../shared/contracts/runtimes.ts';
import { startCarried } from '../durable/carrier.ts';
import { fieldsOf } from '../../shared/telemetry/fields.ts';
import { callLog } from '../../shared/telemetry/log.ts';
import { answerMigration } from './answers.ts';
import { readText } from './call.ts';
import { requireRuntime } from './requireRuntime.ts';
import type { ApiCall, ApiHandler } from './call.ts';

/**
 * PUT. Secrets first, then the row, then the instance: a crash leaves at most a secret that nobody
 * names, or a row whose instance the same PUT or the watchdog starts.
 */
export const createMigration: ApiHandler = async (call) => {
  const name = parseMigrationName(call.migrationName);
  const body = parseBody(putBodySchema, await readText(call.request)) as PutBody;
  const draft = draftMigration(call.path, body, call.settings);
  const hash = specHash([draft.location, draft.tags, draft.spec, draft.wanted]);
  const existing = await call.stores.migrations.find(call.scope, name);
  if (existing !== undefined) return answerExisting(call, existing, hash);
  await refuseHosts(call, draft.spec);
  const runtime = await requireRuntime(call, draft.spec.migrationInstanceResourceId);
  const record = recordOf(call, name, draft, hash, runtime);
  const winner = await insert(call, record, draft);
  if (winner !== undefined) return answerExisting(call, winner, hash);
  await startBestEffort(call, record);
  // Nothing of its databases is known yet.
  return { status: 201, jsonBody: toResource(record, []) };
};

export async function refuseHosts(
  call: ApiCall,
  spec: Pick<MigrationRecord['spec'], 'source' | 'target'>,
): Promise<void> {
  const { allowedHosts } = call.settings;
  const sourceTarget =
    spec.source.fullyQualifiedDomainName === undefined
      ? 'properties.sourceDbServerResourceId'
      : 'properties.sourceDbServerFullyQualifiedDomainName';
  await refuseForbiddenHost(spec.source.host, allowedHosts, sourceTarget);
  const target = 'properties.targetDbServerFullyQualifiedDomainName';
  await refuseForbiddenHost(spec.target.host, allowedHosts, target);
}

async function answerExisting(call: ApiCall, record: MigrationRecord, hash: string) {
  if (record.specHash !== hash) {
    throw new ApiError(
      409,
      'MigrationNameAlreadyExists',
      `There is a migration '${record.ref.name}' with other properties: choose another name, or change it with PATCH.`,
      { target: 'migrationName' },
    );
  }
  if (!isEnded(record.status)) await startBestEffort(call, record);
  return answerMigration(call, record);
}

function recordOf(
  call: ApiCall,
  name: string,
  draft: Draft,
  hash: string,
  runtime: RuntimeId,
): MigrationRecord {
  const id = randomUUID();
  const now = new Date().toISOString();
  return {
    ref: { id, scope: call.scope, name },
    ...call.path,
    location: draft.location,
    tags: draft.tags,
    spec: draft.spec,
    ...(runtime === undefined ? {} : { runtime }),
    specHash: hash,
    wanted: draft.wanted,
    secretId: randomUUID(),
    run: 0,
    instanceId: instanceIdOf(id, 0),
    status: { state: 'InProgress', subState: 'PerformingPreRequisiteSteps' },
    createdOn: now,
    startedOn: now,
    lastModifiedOn: now,
  };
}

/** The record that has the name, when another PUT was faster. */
async function insert(
  call: ApiCall,
  record: MigrationRecord,
  draft: Draft,
): Promise<MigrationRecord | undefined> {
  await call.secrets.put(record.secretId, draft.secrets);
  try {
    await call.stores.migrations.create(record, [createdEvent(record)]);
    return undefined;
  } catch (error) {
    // The answer may have been lost after the row was written: its secret must stay.
    const found = await call.stores.migrations.find(record.ref.scope, record.ref.name);
    if (found?.ref.id === record.ref.id) return undefined;
    await call.secrets.delete(record.secretId);
    if (error instanceof MigrationError && error.kind === 'targetOccupied' && found) return found;
    throw error;
  }
}

function createdEvent({ ref, createdOn, status, spec, wanted }: MigrationRecord): EventRecord {
  return migrationEvent('MigrationCreated', ref, createdOn, {
    state: status.state,
    subState: status.subState,
    migrationMode: spec.mode,
    migrationOption: spec.option,
    databases: wanted.databases.slice(0, MOST_EVENT_NAMES),
    databaseCount: wanted.databases.length,
  });
}

/** The row is what counts: an instance that cannot be started now is started by the watchdog. */
export async function startBestEffort(call: ApiCall, record: MigrationRecord): Promise<void> {
  await startCarried(call, record).catch((error: unknown) => {
    callLog(call.context).warn('instance not started', {
      ...fieldsOf(record.ref),
      error: messageOf(error),
    });
  });
}
