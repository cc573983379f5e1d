import type { OrchestrationContext, Task, TimerTask } from 'durable-functions';

/*
 * durable-functions 3.5 tells the host of a compound task by the actions of its members, without
 * their ids. Two rules follow, and these helpers keep them:
 *
 * - An activity or sub-orchestration must be a member of one compound task only: a second one would
 *   start it again on the host (durable-js issue 574). So there is no sliding window of Task.any;
 *   what runs beside each other are lanes under one Task.all.
 * - Task.any does not look at the state that a task has when it becomes a member, and would wait for
 *   ever for one that has already ended.
 */

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
  if (event.isCompleted) return 'event';
  const timer: TimerTask = context.df.createTimer(until);
  const winner = (yield context.df.Task.any([event, timer])) as Task;
  if (winner === timer) return 'time';
  timer.cancel();
  return 'event';
}

/**
 * Waits for all tasks; false when one of them failed. Task.all throws on an empty list, and at the
 * first failure, while the others still run.
 */
export function* allOf(
  context: OrchestrationContext,
  tasks: readonly Task[],
): Generator<Task, boolean, unknown> {
  if (tasks.length === 0) return true;
  try {
    yield context.df.Task.all([...tasks]);
    return true;
  } catch {
    return false;
  }
}

export function secondsFromNow(context: OrchestrationContext, seconds: number): Date {
  return new Date(context.df.currentUtcDateTime.getTime() + seconds * 1000);
}
