import type { StreamWait } from '../../shared/contracts/activities.ts';
import { QUEUES } from '../../shared/contracts/names.ts';
import type { ReplicationRecord, StreamStage } from '../../shared/contracts/records.ts';
import type { ActivityEnvironment } from './defineActivity.ts';

/** The replicator looks at its rows on a timer too; this saves the time until then. */
export async function wakeReplicator(env: ActivityEnvironment, database: string): Promise<void> {
  const { id } = env.record.ref;
  await env.stores.queues.send(QUEUES.replicatorCommands, JSON.stringify({ id, database }));
}

/** In the order in which a stream passes them. */
const STAGES: readonly (StreamStage | 'streaming')[] = [
  'streaming',
  'copying',
  'consistent',
  'caughtUp',
  'drained',
];

/** What the replicator's row says about a stage that is waited for. */
export function judge(
  { desired, observed, database }: ReplicationRecord,
  generation: number,
  stage: StreamStage | 'streaming',
): StreamWait {
  if (desired.phase !== 'stream' || !('generation' in observed)) return { next: 'wait' };
  if (observed.generation !== generation) return { next: 'wait' };
  if (observed.phase === 'streamFailed' && observed.run === desired.run) {
    return { next: 'failed', message: `${database}: ${observed.reason}` };
  }
  if (observed.phase !== 'streaming') return { next: 'wait' };
  const reached = STAGES.indexOf(observed.stage) >= STAGES.indexOf(stage);
  // A stream that is drained is so for the cutover that asked for it, and nothing else.
  return reached && (stage === 'drained' || observed.stage !== 'drained' || stage === 'streaming')
    ? { next: 'reached' }
    : { next: 'wait' };
}
