import type { RegisteredFunction } from '../core.ts';
import type { Invoker } from '../invocation.ts';
import { errorText } from '../log.ts';
import type { Logger } from '../log.ts';
import { resolvePlaceholders } from '../settings.ts';
import { parseSchedule } from './ncrontab.ts';

export interface TimerListener {
  /** Fires no more; resolves when a run that has begun is done. */
  stop(): Promise<void>;
}

export interface TimerOptions {
  invoker: Invoker;
  logger: Logger;
  setting: (name: string) => string | undefined;
}

const LONGEST_DELAY_MS = 24 * 3600 * 1000;

/** Runs a function on its schedule, never twice at once. */
export function listenToTimer(options: TimerOptions, fn: RegisteredFunction): TimerListener {
  const text = resolvePlaceholders(String(fn.trigger['schedule']), options.setting);
  const schedule = parseSchedule(text);
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let last = new Date(0);

  const run = async (isPastDue: boolean): Promise<void> => {
    const now = new Date();
    const status = { Last: last, Next: schedule.next(now), LastUpdated: last };
    last = now;
    try {
      await options.invoker.invoke(fn, {
        trigger: {
          json: JSON.stringify({
            Schedule: { AdjustForDST: true },
            ScheduleStatus: status,
            IsPastDue: isPastDue,
          }),
        },
      });
    } catch (error) {
      options.logger.write('error', fn.name, `failed: ${errorText(error)}`);
    }
  };

  const waitFor = (due: Date): void => {
    if (isStopped) return;
    const wait = due.getTime() - Date.now();
    timer = setTimeout(
      () => {
        if (due.getTime() > Date.now()) {
          waitFor(due);
          return;
        }
        running = run(false);
        void running.then(() => waitFor(schedule.next(new Date())));
      },
      Math.min(Math.max(wait, 0), LONGEST_DELAY_MS),
    );
  };

  if (fn.trigger['runOnStartup'] === true) running = run(false);
  void running.then(() => waitFor(schedule.next(new Date())));
  return {
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
