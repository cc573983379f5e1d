import { judge } from '../offline/outcomes.ts';
import { PGMOVE_NAME } from '../offline/pgmove.ts';
import type { Goal } from '../offline/benchCase.ts';
import { DATABASE } from '../offline/servers.ts';
import type { ContenderResult } from '../results.ts';
import type { OnlineCase } from './onlineCase.ts';
import { openPgmove } from './pgmove.ts';
import { startOnlineStack } from './stack.ts';
import { checkEqual, createTables, markerArrives, writeMarker } from './work.ts';

const GOALS: readonly Goal[] = [{ kind: 'seconds', what: 'cutover', limit: 3 }];

export const emptyCutover: OnlineCase = {
  key: 'd',
  title: () => 'cutover with an empty queue',
  run: async (site) => {
    const result: ContenderResult = { name: PGMOVE_NAME, seconds: [] };
    // Nobody else has such a thing.
    if (site.isBaselinesOnly) return { contenders: [], outcomes: [] };
    await createTables(site, site.servers.source, DATABASE, 1);
    await using stack = await startOnlineStack(site.folder);
    try {
      for (let run = 1; run <= site.runs; run += 1) {
        const follower = await openPgmove(site, stack, `bench_cutover_${run}`);
        await writeMarker(site, run);
        await markerArrives(site, follower, run);
        const { durationMs, wallMs } = await follower.cutOver();
        await checkEqual(site, follower);
        site.say(
          `run ${run} of ${site.runs}: ${durationMs} ms, ${wallMs.toFixed(0)} ms to the end`,
        );
        result.seconds.push(durationMs / 1_000);
      }
    } catch (error) {
      site.signal.throwIfAborted();
      result.seconds = [];
      result.failure = error instanceof Error ? error.message : String(error);
      site.say(`failed: ${result.failure}`);
    }
    return { contenders: [result], outcomes: judge(GOALS, [result]) };
  },
};
