import { setTimeout as sleep } from 'node:timers/promises';
import type { MigrationRecord } from '../../shared/contracts/records.ts';
import { isEnded } from '../../shared/contracts/status.ts';
import type { ApiCall } from './call.ts';

const LONGEST_WAIT_SECONDS = 30;

/**
 * With the header `Prefer: wait=SECONDS` (RFC 7240) an answer is held back until the migration's state
 * changes, at most for that time. One request then does what many looks would do.
 */
export async function waitForChange(
  call: ApiCall,
  record: MigrationRecord,
): Promise<MigrationRecord> {
  const wanted = /(?:^|[,;\s])wait=(\d+)/.exec(call.request.headers.get('prefer') ?? '')?.[1];
  const waitMs = Math.min(Number(wanted ?? 0), LONGEST_WAIT_SECONDS) * 1000;
  const deadline = Date.now() + waitMs;
  let latest = record;
  while (!isEnded(latest.status) && latest.lastModifiedOn === record.lastModifiedOn) {
    const now = Date.now();
    if (now >= deadline) break;
    await sleep(Math.min(lookInterval(record, now), deadline - now));
    latest = (await call.stores.migrations.get(record.ref)) ?? latest;
  }
  return latest;
}

/** A fiftieth of the migration's time so far: short ones are seen to end soon. */
function lookInterval(record: MigrationRecord, now: number): number {
  return Math.min(500, Math.max(80, (now - Date.parse(record.startedOn)) / 50));
}
