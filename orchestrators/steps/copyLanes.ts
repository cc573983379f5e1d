import type { OrchestrationContext } from 'durable-functions';
import type { CopyLaneOrchestration } from '../../shared/contracts/activities.ts';
import type { CopyEnd } from '../../shared/contracts/copyWork.ts';
import { callActivity } from './callActivity.ts';
import { Leave, valueOf } from './outcome.ts';
import type { Flow } from './outcome.ts';
import { allOf } from './taskGroups.ts';
import { callChild } from './version.ts';

const LANE_FAILED =
  'A part of the copy ended without a result; the log of the host has the cause. Resume the migration.';

type CopyScope = Pick<
  CopyLaneOrchestration,
  'ref' | 'database' | 'owner' | 'generation' | 'snapshot'
> & { laneCount: number };

/** Runs the lanes of a planned copy to their end. */
export function* runCopyLanes(
  context: OrchestrationContext,
  { laneCount, ...scope }: CopyScope,
): Flow<CopyEnd> {
  const { ref, database, owner, generation } = scope;
  const lanes = Array.from({ length: laneCount }, (_, index) => {
    const lane = `${owner}:${generation}:${index}`;
    const child: CopyLaneOrchestration = { ...scope, lane, sequence: 0 };
    return callChild(context, 'copyLane', child, lane);
  });
  if (!(yield* allOf(context, lanes))) {
    throw new Leave({ end: 'Failed', message: LANE_FAILED, keep: true });
  }
  return valueOf(yield* callActivity(context, 'endCopy', { ref, database, generation }));
}
