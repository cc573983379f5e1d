import type { Logger } from 'pino';
import type { ReplicationRecord } from '../shared/contracts/records.ts';
import { beyondOf, crossThresholds, isSame } from '../shared/contracts/thresholds.ts';
import type { Beyond, Thresholds } from '../shared/contracts/thresholds.ts';
import { messageOf } from '../shared/errors/migrationError.ts';
import { fieldsOf } from '../shared/telemetry/fields.ts';
import type { Stores } from '../shared/state/stores.ts';
import type { StreamReport } from './stream/sourceWatch.ts';

export interface ThresholdWatch {
  /** Looks at a report of a stream; writes the database's row only when something crossed. */
  look(record: ReplicationRecord, report: StreamReport): Promise<void>;
}

/** Tells when a target falls behind, or a slot keeps much: events of the database's row. */
export function openThresholdWatch(
  stores: Pick<Stores, 'databases'>,
  thresholds: Thresholds,
  log: Logger,
): ThresholdWatch {
  // As it is in the rows, so that most reports need no look at them.
  const known = new Map<string, Beyond>();

  async function knownOf(key: string, { ref, database }: ReplicationRecord): Promise<Beyond> {
    const here = known.get(key);
    if (here !== undefined) return here;
    const row = await stores.databases.get(ref.id, database);
    const stored = row?.beyond ?? {};
    known.set(key, stored);
    return stored;
  }

  return {
    look: async (record, report) => {
      const { ref, database } = record;
      const key = `${ref.id}/${database}`;
      const now = new Date().toISOString();
      try {
        const before = await knownOf(key, record);
        if (isSame(before, beyondOf(before, report.status, thresholds, now))) return;
        const row = await stores.databases.update(ref.id, database, (current) =>
          crossThresholds(ref, current, report, thresholds, now),
        );
        known.set(key, row.beyond ?? {});
      } catch (error) {
        // The next report tells.
        known.delete(key);
        log.warn({ ...fieldsOf(ref, database), error: messageOf(error) }, 'threshold not noted');
      }
    },
  };
}
