import { secretsOf } from '../../shared/api/draft.ts';
import { stateConflict } from '../../shared/api/errors.ts';
import { parseBody } from '../../shared/api/parseBody.ts';
import { applyPatch } from '../../shared/api/patch.ts';
import { parseMigrationName } from '../../shared/api/path.ts';
import { patchBodySchema } from '../../shared/api/schemas.ts';
import type { PatchBody } from '../../shared/api/schemas.ts';
import type { MigrationRecord } from '../../shared/contracts/records.ts';
import { isEnded } from '../../shared/contracts/status.ts';
import { wakeCarried } from '../durable/carrier.ts';
import { noteCancel } from '../durable/noteCancel.ts';
import { answerMigration, requireMigration } from './answers.ts';
import { readText } from './call.ts';
import type { ApiCall, ApiHandler } from './call.ts';
import { refuseHosts } from './createMigration.ts';

/** PATCH: writes what is wanted into the row, then wakes the orchestrator, which reads it there. */
export const patchMigration: ApiHandler = async (call) => {
  const body = parseBody(patchBodySchema, await readText(call.request));
  const record = await requireMigration(call);
  const databases = await call.stores.databases.list(record.ref.id);
  const now = new Date().toISOString();
  // Refusals come before the secrets are touched.
  const draft = applyPatch(record, databases, body, now);
  if (isMoved(record.spec, draft.spec)) await refuseHosts(call, draft.spec);
  await rotateSecrets(call, record, body);
  const updated = await call.stores.migrations.update(record.ref, (current) => ({
    record: applyPatch(current, databases, body, now),
  }));
  const noted = await noteCancel(call.stores, updated);
  await wakeCarried(call, noted);
  return answerMigration(call, noted);
};

function isMoved(before: MigrationRecord['spec'], after: MigrationRecord['spec']): boolean {
  return before.source.host !== after.source.host || before.target.host !== after.target.host;
}

async function rotateSecrets(
  call: ApiCall,
  record: MigrationRecord,
  body: PatchBody,
): Promise<void> {
  const given = secretsOf(body.properties ?? {});
  if (Object.keys(given).length === 0) return;
  if (record.secretsDeleted === true) {
    throw stateConflict('The secrets of this migration are deleted; start another one.');
  }
  const before = await call.secrets.get(record.secretId);
  await call.secrets.put(record.secretId, { ...before, ...given });
}

/** DELETE is a cancel that nobody minds: what has ended or is not there stays as it is. */
export const cancelMigration: ApiHandler = async (call) => {
  const name = parseMigrationName(call.migrationName);
  const record = await call.stores.migrations.find(call.scope, name);
  if (record === undefined) return { status: 204 };
  const updated = await call.stores.migrations.update(record.ref, (current) => {
    const isWanted = current.wanted.cancel && current.wanted.cancelDatabases.length === 0;
    if (isEnded(current.status) || isWanted) return undefined;
    const wanted = { ...current.wanted, cancel: true, cancelDatabases: [] };
    return { record: { ...current, wanted, lastModifiedOn: new Date().toISOString() } };
  });
  const noted = await noteCancel(call.stores, updated);
  if (!isEnded(noted.status)) await wakeCarried(call, noted);
  return answerMigration(call, noted);
};
