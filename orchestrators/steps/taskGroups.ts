import type { OrchestrationContext, Task, TimerTask } from 'durable-functions';

/**
 * Waits for the first of some tasks, and returns at once when one has already ended: durable-functions
 * 3.5 does not look at the state that a task has when it becomes a member of Task.any, and would wait
 * for ever. A task that failed is returned like any other; who asked looks at `isFaulted`.
 */
export function* firstOf(
  context: OrchestrationContext,
  tasks: readonly Task[],
): Generator<Task, Task, unknown> {
  const ended = tasks.find((task) => task.isCompleted || task.isFaulted);
  if (ended !== undefined) return ended;
  return (yield context.df.Task.any([...tasks])) as Task;
}

/**
 * Waits until an event came or the time is up, whichever is first, and leaves no timer behind (an
 * open timer keeps an ended instance running). The event's task is the caller's: one that did not
 * complete is to be passed again, because each new one would wait beside it.
 */
export function* eventOrTime(
  context: OrchestrationContext,
  event: Task,
  until: Date,
): Generator<Task, 'event' | 'time', unknown> {
  const timer: TimerTask = context.df.createTimer(until);
  const winner = yield* firstOf(context, [event, timer]);
  if (winner === timer) return 'time';
  timer.cancel();
  return 'event';
}

export function secondsFromNow(context: OrchestrationContext, seconds: number): Date {
  return new Date(context.df.currentUtcDateTime.getTime() + seconds * 1000);
}
