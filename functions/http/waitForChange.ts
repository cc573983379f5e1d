import type { MigrationRecord } from '../../shared/contracts/records.ts';
import { isEnded } from '../../shared/contracts/status.ts';
import { changeOrTime } from '../../shared/state/changeNotice.ts';
import type { ApiCall } from './call.ts';

const LONGEST_WAIT_SECONDS = 30;

/** Changes of other processes are seen by looking. */
const LOOK_EVERY_MS = 500;

/**
 * With the header `Prefer: wait=SECONDS` (RFC 7240) an answer is held back until the migration's state
 * changes, at most for that time. One request then does what many looks would do.
 */
export async function waitForChange(
  call: ApiCall,
  record: MigrationRecord,
): Promise<MigrationRecord> {
  const deadline = Date.now() + wantedWaitMs(call);
  let latest = record;
  while (!isEnded(latest.status) && latest.lastModifiedOn === record.lastModifiedOn) {
    const now = Date.now();
    if (now >= deadline) break;
    await changeOrTime(record.ref.id, Math.min(LOOK_EVERY_MS, deadline - now));
    latest = (await call.stores.migrations.get(record.ref)) ?? latest;
  }
  return latest;
}

/** 0: the answer is wanted at once. */
export function wantedWaitMs({ request }: Pick<ApiCall, 'request'>): number {
  const wanted = /(?:^|[,;\s])wait=(\d+)/.exec(request.headers.get('prefer') ?? '')?.[1];
  return Math.min(Number(wanted ?? 0), LONGEST_WAIT_SECONDS) * 1000;
}
