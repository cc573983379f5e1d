import { createRate } from '../../cli/migrate/rate.ts';
import { createLiveArea } from '../../cli/terminal/liveArea.ts';
import { formatCount, formatDuration } from '../../cli/terminal/units.ts';
import { allUnits } from './plans.ts';
import type { SimulationOptions } from './simulate.ts';
import type { Statistics } from './statistics.ts';

/** How far a simulation is at one moment. */
export interface SimulationProgress {
  phase: string;
  databasesDone: number;
  databases: number;
  unitsDone: number;
  /** As planned. */
  units: number;
  elapsedMs: number;
}

const UNIT_ACTIVITIES = ['copyBatch', 'buildIndex', 'finishTable'];

export interface SimulationView {
  update(progress: SimulationProgress): void;
  end(): void;
}

/** Tells the view what the statistics of the host come to; undefined before there are any. */
export function createReporter({
  size,
  jobs,
  indexes,
  view,
}: SimulationOptions): (counted?: Statistics) => void {
  const began = performance.now();
  const units = allUnits(size, jobs, indexes);
  return (counted) => {
    const count = (name: string) => counted?.functions[name]?.count ?? 0;
    const databasesDone = count('completeDatabase');
    const unitsDone = UNIT_ACTIVITIES.reduce((sum, name) => sum + count(name), 0);
    view?.update({
      phase: phaseOf(count, databasesDone === size.databases),
      databasesDone,
      databases: size.databases,
      unitsDone,
      units,
      elapsedMs: performance.now() - began,
    });
  };
}

function phaseOf(count: (name: string) => number, isDone: boolean): string {
  if (isDone) return 'ending';
  if (count('claimDatabase') > 0) return 'copying';
  return count('validateServers') > 0 ? 'validating' : 'preparing';
}

/** The speed that is shown is that of this last while. */
const RATE_WINDOW_MS = 60_000;

const LINE_EVERY_MS = 10_000;

/** Before that the first units say too little about the others. */
const ESTIMATES_AFTER_MS = 15_000;

/** In place on a terminal, a line now and then anywhere else. */
export function simulationViewFor(screen: NodeJS.WriteStream): SimulationView {
  const isLive = screen.isTTY && process.env['TERM'] !== 'dumb';
  if (!isLive) return createPlainView((line) => screen.write(`${line}\n`));
  const area = createLiveArea(screen);
  const lineOf = createLineWriter();
  return {
    update: (progress) => area.draw([lineOf(progress)]),
    end: () => area.end(),
  };
}

/** A line for each phase, then one every ten seconds. */
export function createPlainView(write: (line: string) => void): SimulationView {
  const lineOf = createLineWriter();
  let last: SimulationProgress | undefined;
  return {
    update: (progress) => {
      const line = lineOf(progress);
      const isDue =
        last === undefined ||
        last.phase !== progress.phase ||
        progress.elapsedMs - last.elapsedMs >= LINE_EVERY_MS;
      if (!isDue) return;
      last = progress;
      write(line);
    },
    end: () => undefined,
  };
}

function createLineWriter(): (progress: SimulationProgress) => string {
  const rate = createRate(RATE_WINDOW_MS);
  let first: SimulationProgress | undefined;
  return (progress) => {
    const { phase, databasesDone, databases, unitsDone, units, elapsedMs } = progress;
    if (unitsDone > 0) {
      first ??= progress;
      rate.add(elapsedMs, unitsDone);
    }
    const parts = [
      `[${formatDuration(elapsedMs)}] ${phase}`,
      `${formatCount(databasesDone)} of ${formatCount(databases)} databases`,
      `${formatCount(unitsDone)} of ${formatCount(units)} units`,
    ];
    const sinceMs = elapsedMs - (first?.elapsedMs ?? elapsedMs);
    const since = unitsDone - (first?.unitsDone ?? unitsDone);
    if (sinceMs >= ESTIMATES_AFTER_MS && since > 0 && unitsDone < units) {
      parts.push(`${formatCount(rate.perSecond())} units/s`);
      // From all of the time so far: databases begin and end in waves.
      parts.push(`about ${formatDuration(((units - unitsDone) * sinceMs) / since)} left`);
    }
    return parts.join('  ');
  };
}
