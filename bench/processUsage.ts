import { readFile, writeFile } from 'node:fs/promises';

/** What a process and the programs of Node below it used between start and stop of the watch. */
export interface ProcessUsage {
  /** Highest resident memory of one process. */
  peakMegabytes: number;
  /** Processor time of the process itself. */
  cpuSeconds: number;
}

export interface UsageWatch {
  /** By the names given; a process without /proc (not Linux) is missing. */
  stop(): Promise<Record<string, ProcessUsage>>;
}

const SAMPLE_MS = 250;
/** Clock ticks of /proc/PID/stat per second: 100 on every Linux that there is. */
const TICKS = 100;

/**
 * Watches processes by /proc: the kernel keeps the peak of each, so that no sample can miss it;
 * sampling only serves to find children that come and go.
 */
export async function watchUsage(pids: Readonly<Record<string, number>>): Promise<UsageWatch> {
  const entries = Object.entries(pids);
  const startTicks = new Map<string, number>();
  const childPeaks = new Map<string, number>();
  for (const [name, pid] of entries) {
    // 5 puts the peak back to what is in use now.
    await writeFile(`/proc/${pid}/clear_refs`, '5').catch(() => undefined);
    startTicks.set(name, (await cpuTicks(pid)) ?? 0);
  }
  let sampling = Promise.resolve();
  const sample = async (): Promise<void> => {
    for (const [name, pid] of entries) {
      for (const child of await nodeChildren(pid)) {
        const peak = (await peakKilobytes(child)) ?? 0;
        childPeaks.set(name, Math.max(peak, childPeaks.get(name) ?? 0));
      }
    }
  };
  const timer = setInterval(() => {
    sampling = sampling.then(sample);
  }, SAMPLE_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      await sampling;
      const usages: Record<string, ProcessUsage> = {};
      for (const [name, pid] of entries) {
        const [own, ticks] = [await peakKilobytes(pid), await cpuTicks(pid)];
        if (own === undefined || ticks === undefined) continue;
        usages[name] = {
          peakMegabytes: Math.max(own, childPeaks.get(name) ?? 0) / 1024,
          cpuSeconds: (ticks - (startTicks.get(name) ?? 0)) / TICKS,
        };
      }
      return usages;
    },
  };
}

/** Workers that the process started; pg_dump and its like are not ours to measure. */
async function nodeChildren(pid: number): Promise<number[]> {
  const text = await read(`/proc/${pid}/task/${pid}/children`);
  const found: number[] = [];
  for (const child of (text ?? '').trim().split(/\s+/).filter(Boolean).map(Number)) {
    if (/^(node|MainThread)/.test((await read(`/proc/${child}/comm`)) ?? '')) found.push(child);
    found.push(...(await nodeChildren(child)));
  }
  return found;
}

async function peakKilobytes(pid: number): Promise<number | undefined> {
  const line = /^VmHWM:\s+(\d+) kB/m.exec((await read(`/proc/${pid}/status`)) ?? '');
  return line ? Number(line[1]) : undefined;
}

async function cpuTicks(pid: number): Promise<number | undefined> {
  const fields = await statFields(pid);
  // User and system time are the 12th and 13th.
  return fields === undefined ? undefined : Number(fields[11]) + Number(fields[12]);
}

/**
 * What /proc/PID/stat has behind the name in parentheses, which may hold spaces: first the state.
 * Undefined when there is no such process.
 */
export async function statFields(pid: number): Promise<string[] | undefined> {
  const text = await read(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function read(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}
