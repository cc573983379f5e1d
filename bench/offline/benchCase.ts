import type { BaselinePrograms } from '../baselines/programs.ts';
import type { BenchServers } from './servers.ts';
import type { Stack } from './stack.ts';

export const CASE_KEYS = ['a', 'b', 'c', 'd', 'm'] as const;
export type CaseKey = (typeof CASE_KEYS)[number];

/** Where a case runs. */
export interface Site {
  servers: BenchServers;
  programs: BaselinePrograms;
  /** Set for cases that want a stack that is already up. */
  stack: Stack | undefined;
  /** For dumps and work folders; on the same disk as the servers. */
  folder: string;
  /** 1 is the size that the goals are meant for. */
  scale: number;
  signal: AbortSignal;
}

/** One way to get the database across. */
export interface Contender {
  readonly name: string;
  /** What has to have arrived: whole schema and rows, or only the rows. */
  readonly proves: 'everything' | 'rows';
  /** Fewer runs than asked for, where one takes long and no goal hangs on it. */
  readonly maxRuns?: number;
  /** Copies once into a fresh empty database and answers the seconds from start to exit. */
  run(): Promise<Lap>;
}

export interface Lap {
  seconds: number;
  /** For the progress line: `dump 20.1, restore 33.0`. */
  detail?: string;
  /** Peak resident memory in megabytes by process. */
  peakMegabytes?: Record<string, number>;
}

/** What pgmove has to reach. */
export type Goal =
  /** Seconds of pgmove by seconds of the baseline. */
  | { kind: 'ratio'; against: string; limit: number; goal?: number }
  /** `what` names what the seconds are of, where they are not those of the whole run. */
  | { kind: 'seconds'; what?: string; limit: number; goal?: number }
  /** Peak of each process of the stack that touches rows, in MB. */
  | { kind: 'memory'; limit: number };

export interface BenchCase {
  readonly key: CaseKey;
  title(scale: number): string;
  /** Whether a stack is up before the clock starts. */
  readonly usesStack: boolean;
  /** Without any, the case is about pgmove alone. */
  readonly hasBaselines: boolean;
  readonly maxRuns?: number;
  readonly goals: readonly Goal[];
  /** Fills the source database, which is empty. */
  load(site: Site): Promise<void>;
  /** pgmove is not among them; it runs in every case. */
  baselines(site: Site): Contender[];
}

export function scaled(count: number, scale: number): number {
  return Math.max(1, Math.round(count * scale));
}
