import { setTimeout as delay } from 'node:timers/promises';
import { kindOf } from '../../../shared/errors/classify.ts';
import { MigrationError } from '../../../shared/errors/migrationError.ts';
import type { GroupCounters } from '../../../replicator/stream/group.ts';
import { needsOperator } from '../../../replicator/stream/needsOperator.ts';
import { runStream } from '../../../replicator/stream/session.ts';
import type { StreamOptions } from '../../../replicator/stream/session.ts';
import type { StreamReport } from '../../../replicator/stream/sourceWatch.ts';
import { parseLsn } from '../../../shared/wal/lsn.ts';
import type { Lsn } from '../../../shared/wal/lsn.ts';
import { everything } from '../../pg/copy/copyPair.ts';
import { canaryPosition, MIGRATION_ID } from './onlinePair.ts';
import type { OnlinePair } from './onlinePair.ts';
import { waitUntil } from './waitUntil.ts';

/** runStream again and again, as the replicator's service does it. */
export interface StreamLoop extends AsyncDisposable {
  /** What sessions ended with. */
  readonly errors: unknown[];
  /** What stopped it for good. */
  readonly failure: unknown;
  readonly report: StreamReport | undefined;
  readonly counters: GroupCounters;
  sessionCount: number;
  /** Applies everything up to this position and stands still there. */
  drainTo: Lsn | undefined;
  /** Resolves when it stopped for good; with what stopped it. */
  readonly ended: Promise<unknown>;
  waitFor(what: string, condition: (report: StreamReport) => boolean): Promise<StreamReport>;
  /** Everything that is committed on the source now is on the target. */
  caughtUp(): Promise<void>;
  stop(): Promise<void>;
}

export interface LoopOptions {
  failPoint?: (name: string) => void | Promise<void>;
  overrides?: Partial<StreamOptions>;
  restartMs?: number;
}

export function newCounters(): GroupCounters {
  return {
    transactions: 0,
    incoming: 0,
    applied: 0,
    inserts: 0,
    updates: 0,
    deletes: 0,
    truncates: 0,
  };
}

export function startStream(pair: OnlinePair, options: LoopOptions = {}): StreamLoop {
  const stop = new AbortController();
  const { failPoint, restartMs = 5 } = options;
  let report: StreamReport | undefined;
  let failure: unknown;

  const loop: StreamLoop = {
    errors: [],
    get failure() {
      return failure;
    },
    get report() {
      return report;
    },
    counters: newCounters(),
    sessionCount: 0,
    drainTo: undefined,
    ended: run(),

    async waitFor(what, condition) {
      return await waitUntil(what, () => {
        if (failure !== undefined) throw failure as Error;
        return report !== undefined && condition(report) && report;
      });
    },

    async caughtUp() {
      const position = parseLsn(await canaryPosition(pair));
      await loop.waitFor(
        'the target to catch up',
        ({ status }) => parseLsn(status.appliedLsn) >= position,
      );
    },

    async stop() {
      stop.abort();
      await loop.ended;
    },

    [Symbol.asyncDispose]: () => loop.stop(),
  };

  async function run(): Promise<unknown> {
    // `loop` is there after this.
    await Promise.resolve();
    while (!stop.signal.aborted) {
      loop.sessionCount += 1;
      try {
        await runStream({
          source: pair.source,
          target: pair.target,
          migrationId: MIGRATION_ID,
          slot: pair.slot,
          generation: pair.generation,
          filter: everything,
          applicationName: 'pgmove/test/stream',
          signal: stop.signal,
          drainTo: () => loop.drainTo,
          onReport: (next) => (report = next),
          counters: loop.counters,
          ...(failPoint === undefined ? {} : { failPoint }),
          ...options.overrides,
        });
      } catch (error) {
        loop.errors.push(error);
        if (needsOperator(error) || kindOf(error) === 'internal') {
          failure = error;
          return error;
        }
      }
      if (!stop.signal.aborted) await delay(restartMs);
    }
    return undefined;
  }

  return loop;
}

/** Thrown by fail points: whoever ran into it is tried again. */
export class Killed extends MigrationError {
  constructor(point: string) {
    super('connectionFailed', `Killed at ${point}.`);
  }
}
