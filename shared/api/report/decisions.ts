import type { MigrationRecord } from '../../contracts/records.ts';

/** What the operator allowed, switched off or left out: whoever approves a change looks for it. */
export function decisionsOf({ spec, wanted, run }: MigrationRecord): string[] {
  const decisions: string[] = [];
  const say = (isSo: boolean, sentence: string) => {
    if (isSo) decisions.push(sentence);
  };
  say(spec.option === 'Migrate', 'The migration ran without a validation (option Migrate).');
  say(
    wanted.overwriteDbsInTarget,
    'Target databases that held objects were allowed to be replaced (overwriteDbsInTarget).',
  );
  say(
    spec.includeTables.length > 0,
    `Only tables like these were to be moved: ${spec.includeTables.join(', ')}.`,
  );
  say(
    spec.excludeTables.length > 0,
    `Tables like these were left out: ${spec.excludeTables.join(', ')}.`,
  );
  say(spec.option !== 'Validate' && spec.verify === 'none', 'The content was not compared.');
  if (spec.mode === 'Online') {
    say(
      spec.setReplicaIdentityFull,
      'Tables without a usable replica identity were to get FULL for the time of the migration.',
    );
    say(
      wanted.setupLogicalReplication,
      'The migration was allowed to set up logical replication on the source.',
    );
    say(!spec.fenceSource, 'The source was not closed to others at the cutover.');
  }
  say(run > 0, `The migration was resumed ${run === 1 ? 'once' : `${run} times`}.`);
  say(wanted.cancel, 'A cancel was asked for.');
  return decisions;
}
