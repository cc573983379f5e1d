import type { MigrationResource } from '../apiClient.ts';
import { CommandError, EXIT } from '../exitCode.ts';

/** What is done about a migration that waits for its operator. */
export type GateAnswer =
  /** Nothing: it is looked at again. */
  | { kind: 'wait'; note?: string }
  /** A PATCH with these properties. */
  | { kind: 'update'; properties: object; note?: string }
  /** It is canceled, and the command ends with this error. */
  | { kind: 'refuse'; error: CommandError; note?: string }
  /** The migration is left waiting, and the command ends. */
  | { kind: 'stop'; note?: string };

/** Asked again and again for as long as the migration waits, so most answers are `wait`. */
export type GateKeeper = (resource: MigrationResource) => GateAnswer;

export interface GateKeeperOptions {
  cutover: 'auto' | 'manual';
  /** What the operator types in another shell. */
  cutoverCommand: string;
}

/** A cutover that fails leaves everything as it was; after this many it needs somebody to look. */
const CUTOVER_ATTEMPTS = 3;

/** The gates of `pgmove migrate`: it cuts over, or tells how; every other gate is refused. */
export function createGateKeeper(options: GateKeeperOptions): GateKeeper {
  const knownFailures = new Set<string>();
  let attempts = 0;
  let isTold = false;
  return (resource) => {
    if (gateOf(resource) !== 'WaitingForCutoverTrigger') {
      return { kind: 'refuse', error: gateError(gateOf(resource)) };
    }
    const failures = failedCutovers(resource).filter(({ key }) => !knownFailures.has(key));
    for (const { key } of failures) knownFailures.add(key);
    const said = failures.map(({ text }) => text);
    if (options.cutover === 'auto' && attempts < CUTOVER_ATTEMPTS) {
      if (attempts > 0 && failures.length === 0) return { kind: 'wait' };
      attempts += 1;
      const what = attempts === 1 ? 'Everything is copied and caught up: ' : 'Once more: ';
      return {
        kind: 'update',
        properties: { triggerCutover: 'True' },
        note: [...said, `${what}cutting over.`].join('\n'),
      };
    }
    if (isTold && failures.length === 0) return { kind: 'wait' };
    isTold = true;
    const how = `The target is kept up to date. To cut over, from another shell:\n  ${options.cutoverCommand}`;
    return { kind: 'wait', note: [...said, how].join('\n') };
  };
}

/** The gate of a migration that waits. */
export function gateOf(resource: MigrationResource): string {
  return resource.properties.currentStatus.currentSubStateDetails?.currentSubState ?? 'unknown';
}

function failedCutovers(resource: MigrationResource): { key: string; text: string }[] {
  const details = resource.properties.currentStatus.currentSubStateDetails?.dbDetails ?? {};
  return Object.entries(details).flatMap(([database, { cutover }]) =>
    cutover?.failure === undefined
      ? []
      : [
          {
            key: `${database} ${cutover.requestedOn ?? ''}`,
            text: `The cutover of "${database}" failed: ${cutover.failure}`,
          },
        ],
  );
}

function gateError(gate: string): CommandError {
  switch (gate) {
    case 'WaitingForTargetDBOverwriteConfirmation':
      return new CommandError(
        EXIT.usage,
        'A target database holds objects. Nothing was changed; --overwrite drops and makes it again.',
      );
    case 'WaitingForLogicalReplicationSetupRequestOnSourceDB':
      return new CommandError(
        EXIT.usage,
        'The source is not set up for logical replication. Nothing was changed; --setup-replication ' +
          'sets what this role may set, and a server whose wal_level was changed has to be restarted.',
      );
    default:
      return new CommandError(
        EXIT.failed,
        `The migration waited for an answer (${gate}) that this command does not give, and was canceled.`,
      );
  }
}
