import { isNotFound } from '../storage.ts';
import type { Storage } from '../storage.ts';

/** When a timer ran last and is due next, as the handler is told; ISO 8601. */
export interface TimerStatus {
  Last: string;
  Next: string;
  LastUpdated: string;
}

/** What is kept of a timer across restarts. */
interface KeptStatus extends TimerStatus {
  /** What `Next` was reckoned by: another schedule makes it void. */
  Schedule: string;
}

const CONTAINER = 'azure-webjobs-hosts';

/** The record of one timer, in a blob; storage that does not answer costs the record and no run. */
export interface TimerRecord {
  /** Undefined when there is none, or one of another schedule. */
  read(): Promise<TimerStatus | undefined>;
  write(status: TimerStatus): Promise<void>;
}

export function openTimerRecord(
  storage: Storage,
  functionName: string,
  schedule: string,
): TimerRecord {
  const blob = async () => {
    const container = await storage.container(CONTAINER);
    return { container, client: container.getBlockBlobClient(`timers/${functionName}/status`) };
  };
  return {
    async read() {
      const { client } = await blob();
      try {
        const text = (await client.downloadToBuffer()).toString('utf8');
        const kept = JSON.parse(text) as KeptStatus;
        return kept.Schedule === schedule ? kept : undefined;
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    async write(status) {
      const { container, client } = await blob();
      const kept: KeptStatus = { ...status, Schedule: schedule };
      const bytes = Buffer.from(JSON.stringify(kept));
      try {
        await client.uploadData(bytes);
      } catch (error) {
        if (!isNotFound(error)) throw error;
        await container.createIfNotExists();
        await client.uploadData(bytes);
      }
    },
  };
}
