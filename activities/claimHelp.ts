import { isIdle, unitsLeft } from '../shared/contracts/copyWork.ts';
import type { CopyWork } from '../shared/contracts/copyWork.ts';
import { isDatabaseEnded } from '../shared/contracts/status.ts';
import { defineActivity } from './steps/defineActivity.ts';

/** Finds a copy of this run to help with: the one that has the most units to give out. */
defineActivity('claimHelp', async ({ ref, owner }, { stores }) => {
  let most: CopyWork | undefined;
  let mayCome = false;
  for (const { database } of await stores.databases.listOpen(ref.id)) {
    const row = await stores.databases.get(ref.id, database);
    if (row === undefined || isDatabaseEnded(row.state)) continue;
    const work = await stores.copyWork.get(ref.id, database);
    // The work of an earlier run stays until this run has planned its own.
    const isOfRun = work?.owner.startsWith(`${owner}:`) === true;
    if (!isOfRun || work.stop !== undefined || !isIdle(work)) mayCome = true;
    if (isOfRun && unitsLeft(work) > (most === undefined ? 0 : unitsLeft(most))) most = work;
  }
  if (most === undefined) return { next: mayCome ? 'wait' : 'end' };
  const { database, generation, snapshot } = most;
  return { next: 'help', copy: { database, owner: most.owner, generation, snapshot } };
});
