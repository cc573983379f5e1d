import type { BenchServers } from '../offline/servers.ts';
import type { ContenderResult, Outcome } from '../results.ts';

export const ONLINE_CASE_KEYS = ['a', 'b', 'c', 'd'] as const;
export type OnlineCaseKey = (typeof ONLINE_CASE_KEYS)[number];

/** Where a case runs. */
export interface OnlineSite {
  servers: BenchServers;
  /** Folder of pgbench. */
  postgresFolder: string;
  /** On the same disk as the servers. */
  folder: string;
  /** 1 is the size that the goals are meant for. */
  scale: number;
  runs: number;
  isBaselinesOnly: boolean;
  isPgmoveOnly: boolean;
  signal: AbortSignal;
  say(text: string): void;
}

/** One way to keep a database of the target server up to date with the source. */
export interface Follower {
  readonly name: string;
  /** Its database on the target server. */
  readonly database: string;
  /** Its processes stand still: changes of the source wait in the slot from here on. */
  hold(): Promise<void>;
  /** They go on. */
  release(): void;
  /** Why nothing more will arrive, where that is known. */
  failure(): Promise<string | undefined>;
  /** The process that applies, where it is one of Node. */
  pid(): number | undefined;
}

export interface OnlineCase {
  readonly key: OnlineCaseKey;
  title(scale: number): string;
  run(site: OnlineSite): Promise<{ contenders: ContenderResult[]; outcomes: Outcome[] }>;
}
