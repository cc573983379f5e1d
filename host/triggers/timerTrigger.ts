import type { RegisteredFunction } from '../core.ts';
import type { Invoker } from '../invocation.ts';
import { errorText } from '../log.ts';
import type { Logger } from '../log.ts';
import { resolvePlaceholders } from '../settings.ts';
import type { Storage } from '../storage.ts';
import { parseSchedule } from './ncrontab.ts';
import { openTimerRecord } from './timerRecord.ts';

export interface TimerListener {
  /** Fires no more; resolves when a run that has begun is done. */
  stop(): Promise<void>;
}

export interface TimerOptions {
  storage: Storage;
  invoker: Invoker;
  logger: Logger;
  setting: (name: string) => string | undefined;
}

const LONGEST_DELAY_MS = 24 * 3600 * 1000;

/** Timers that come more often than this are not missed: no record is kept of them. */
const RECORDED_FROM_MS = 60_000;

/** The record is looked at when the host has settled: its start is not to wait for it. */
const LOOK_AFTER_MS = 2_000;

/**
 * Runs a function on its schedule, never twice at once, and once (`isPastDue`) when no host was
 * there at its time.
 */
export function listenToTimer(options: TimerOptions, fn: RegisteredFunction): TimerListener {
  const text = resolvePlaceholders(String(fn.trigger['schedule']), options.setting);
  const schedule = parseSchedule(text);
  const record = openTimerRecord(options.storage, fn.name, text);
  const isRecorded = fn.trigger['useMonitor'] !== false && spanOf(schedule) >= RECORDED_FROM_MS;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let last = new Date(0);

  const statusAt = (now: Date) => ({
    Last: last.toISOString(),
    Next: schedule.next(now).toISOString(),
    LastUpdated: last.toISOString(),
  });

  const run = async (isPastDue: boolean): Promise<void> => {
    const now = new Date();
    const status = statusAt(now);
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
    await note(statusAt(now));
  };

  const note = async (status: ReturnType<typeof statusAt>): Promise<void> => {
    if (!isRecorded) return;
    await record.write(status).catch((error: unknown) => {
      options.logger.write('debug', fn.name, `timer not recorded: ${errorText(error)}`);
    });
  };

  /** One after the other. */
  const enqueue = (isPastDue: boolean): Promise<void> => {
    running = running.then(() => run(isPastDue));
    return running;
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
        void enqueue(false).then(() => waitFor(schedule.next(new Date())));
      },
      Math.min(Math.max(wait, 0), LONGEST_DELAY_MS),
    );
  };

  const catchUp = async (): Promise<void> => {
    try {
      const status = await record.read();
      // It has run meanwhile, and written its record.
      if (isStopped || last.getTime() > 0) return;
      if (status === undefined) await note(statusAt(new Date()));
      else if (Date.parse(status.Next) <= Date.now()) await enqueue(true);
    } catch (error) {
      options.logger.write('debug', fn.name, `timer record not read: ${errorText(error)}`);
    }
  };

  if (fn.trigger['runOnStartup'] === true) void enqueue(false);
  void running.then(() => waitFor(schedule.next(new Date())));
  let look: Promise<void> = Promise.resolve();
  const beginLook = () => {
    look = catchUp();
  };
  const lookTimer = isRecorded ? setTimeout(beginLook, LOOK_AFTER_MS) : undefined;
  return {
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      clearTimeout(lookTimer);
      await look;
      await running;
    },
  };
}

/** The time between the next two runs. */
function spanOf(schedule: ReturnType<typeof parseSchedule>): number {
  const first = schedule.next(new Date());
  return schedule.next(first).getTime() - first.getTime();
}
