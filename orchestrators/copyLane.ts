import * as df from 'durable-functions';
import type { OrchestrationContext, Task } from 'durable-functions';
import type {
  ActivityResult,
  BatchOutcome,
  CopyLaneOrchestration,
} from '../shared/contracts/activities.ts';
import { delayOfAttempt } from '../shared/contracts/copyWork.ts';
import type { CopyUnit, UnitResult } from '../shared/contracts/copyWork.ts';
import { callOnce, callUntilDone } from './steps/callActivity.ts';

/** The whole history is replayed in every episode, so a lane starts anew after this many claims. */
const CLAIMS_PER_HISTORY = 20;

/**
 * One of a database's lanes: claims a unit of work, runs it, tells what it came to with the next
 * claim, until there is nothing left. Which unit goes first is decided where it is claimed.
 */
function* copyLane(context: OrchestrationContext): Generator<Task, unknown, unknown> {
  const input = context.df.getInput<CopyLaneOrchestration>();
  const { ref, database, owner, lane, generation, helps } = input;
  let { sequence, result } = input;
  for (let claims = 0; claims < CLAIMS_PER_HISTORY; claims += 1) {
    sequence += 1;
    // The other lanes wait for what this one has in hand.
    const claimed = yield* callUntilDone(context, 'claimUnit', {
      ref,
      database,
      owner,
      lane,
      generation,
      sequence,
      ...(result === undefined ? {} : { result }),
      ...(helps ? { helps } : {}),
    });
    result = undefined;
    // A lane that cannot tell what it did must not end as if all were well.
    if (!claimed.ok) throw new Error(claimed.error.message);
    const claim = claimed.value;
    if (claim.next === 'end' || (helps && claim.next === 'wait')) return null;
    if (claim.next === 'unit') result = yield* runUnit(context, input, claim.unit);
  }
  const { result: _told, ...rest } = input;
  context.df.continueAsNew({ ...rest, sequence, ...(result === undefined ? {} : { result }) });
  return undefined;
}

function* runUnit(
  context: OrchestrationContext,
  { ref, database, generation, snapshot }: CopyLaneOrchestration,
  unit: CopyUnit,
): Generator<Task, UnitResult, unknown> {
  const delayMs = delayOfAttempt(unit.attempt);
  const base = { ref, database, generation, ...(delayMs === 0 ? {} : { delayMs }) };
  switch (unit.kind) {
    case 'batch': {
      const { batch, attempt } = unit;
      const copied = yield* callOnce(context, 'copyBatch', { ...base, snapshot, batch, attempt });
      return unitResult(copied, copied.ok ? copied.value : undefined);
    }
    case 'index': {
      const { batch, index } = unit;
      return unitResult(yield* callOnce(context, 'buildIndex', { ...base, batch, index }));
    }
    case 'finish':
      return unitResult(yield* callOnce(context, 'finishTable', { ...base, batch: unit.batch }));
    case 'largeObjects':
      return unitResult(yield* callOnce(context, 'copyLargeObjects', { ...base, snapshot }));
  }
}

function unitResult(result: ActivityResult<unknown>, batch?: BatchOutcome): UnitResult {
  if (!result.ok) return { ok: false, kind: result.error.kind, message: result.error.message };
  return { ok: true, ...(batch === undefined ? {} : { batch }) };
}

df.app.orchestration('copyLane', copyLane);
