import { ApiError } from '../../shared/api/errors.ts';
import { toValidationReport } from '../../shared/api/validationReport.ts';
import type { ScopedRuns } from '../../shared/api/validationReport.ts';
import { ruleRunPath } from '../../shared/contracts/blobPaths.ts';
import type { MigrationRecord } from '../../shared/contracts/records.ts';
import { isEnded } from '../../shared/contracts/status.ts';
import type { RuleRun } from '../../shared/contracts/ruleRun.ts';
import { requireMigration } from './answers.ts';
import type { ApiCall, ApiHandler } from './call.ts';
import { answerTagged, timePart, weakTag } from './conditional.ts';

/** GET …/validation: the full report, which the resource holds in the published shape only. */
export const readValidation: ApiHandler = async (call) => {
  const record = await requireMigration(call);
  if (record.spec.option === 'Migrate') {
    throw new ApiError(
      404,
      'ResourceNotFound',
      `Migration '${record.ref.name}' has no validation: its migrationOption is Migrate.`,
    );
  }
  // What each rule came to is written before the row that says so.
  const etag = weakTag(JSON.stringify(record), timePart(isEnded(record.status)));
  return answerTagged(call, etag, async () =>
    toValidationReport(record, await readRuns(call, record)),
  );
};

const READS_AT_ONCE = 16;

async function readRuns({ stores }: ApiCall, record: MigrationRecord): Promise<ScopedRuns[]> {
  const { id } = record.ref;
  const scopes: (string | undefined)[] = [undefined, ...record.wanted.databases];
  const found: ScopedRuns[] = [];
  for (let first = 0; first < scopes.length; first += READS_AT_ONCE) {
    const read = await Promise.all(
      scopes.slice(first, first + READS_AT_ONCE).map(async (databaseName) => {
        const runs = await stores.blobs.getJson<RuleRun[]>(ruleRunPath(id, databaseName));
        return { ...(databaseName === undefined ? {} : { databaseName }), runs: runs ?? [] };
      }),
    );
    found.push(...read);
  }
  return found;
}
