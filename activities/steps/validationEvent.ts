import { migrationEvent, MOST_EVENT_NAMES } from '../../shared/contracts/events.ts';
import type {
  EventRecord,
  MigrationRef,
  ValidationDetails,
  ValidationState,
} from '../../shared/contracts/records.ts';

/** What a validation came to, without its sentences. */
export function completedEvent(
  ref: MigrationRef,
  details: ValidationDetails & { status: ValidationState },
  now: string,
): EventRecord {
  const databases = details.dbLevelValidationDetails;
  const items = [
    ...details.serverLevelValidationDetails,
    ...databases.flatMap(({ summary }) => summary),
  ];
  const findings = items.flatMap(({ messages = [] }) => messages);
  const failedDatabases = databases
    .filter(({ summary }) => summary.some(({ state }) => state === 'Failed'))
    .map(({ databaseName }) => databaseName);
  return migrationEvent('ValidationCompleted', ref, now, {
    status: details.status,
    failedFindings: findings.filter(({ state }) => state === 'Failed').length,
    warningFindings: findings.filter(({ state }) => state === 'Warning').length,
    failedDatabases: failedDatabases.slice(0, MOST_EVENT_NAMES),
    ...(details.validationStartTimeInUtc === undefined
      ? {}
      : { startedOn: details.validationStartTimeInUtc }),
    endedOn: now,
  });
}
