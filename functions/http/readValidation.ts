import { ApiError } from '../../shared/api/errors.ts';
import { toValidationReport } from '../../shared/api/validationReport.ts';
import { requireMigration } from './answers.ts';
import type { ApiHandler } from './call.ts';

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
  return { jsonBody: toValidationReport(record) };
};
