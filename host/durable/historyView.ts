/** A history as the status API shows it: what happened, without the bookkeeping. */
import { EventType, eventsFromJson, eventTypeName, scheduledEvents } from './history.ts';
import type { HistoryEvent } from './history.ts';
import type { Episode } from './store.ts';

const HIDDEN = new Set<number>([
  EventType.OrchestratorStarted,
  EventType.OrchestratorCompleted,
  EventType.TaskScheduled,
  EventType.TimerCreated,
  EventType.SubOrchestrationInstanceCreated,
]);

export function describeHistory(
  live: readonly HistoryEvent[] | undefined,
  episodes: readonly Episode[],
  showOutput: boolean,
): Record<string, unknown>[] {
  const history = live ?? eventsOfLastGeneration(episodes);
  const scheduled = scheduledEvents(history);
  return history
    .filter((event) => !HIDDEN.has(event.EventType))
    .map((event) => {
      const cause = scheduled.get(event.TaskScheduledId ?? event.TimerId ?? -1);
      const result = event.Result ?? event.Input;
      return {
        EventType: eventTypeName(event.EventType),
        Timestamp: event.Timestamp.toISOString(),
        ...(event.Name === undefined ? {} : { Name: event.Name }),
        ...(event.EventType === EventType.ExecutionStarted ? { FunctionName: event.Name } : {}),
        ...(cause?.Name === undefined ? {} : { FunctionName: cause.Name }),
        ...(cause ? { ScheduledTime: cause.Timestamp.toISOString() } : {}),
        ...(event.FireAt ? { FireAt: event.FireAt.toISOString() } : {}),
        ...(event.Reason === undefined ? {} : { Reason: event.Reason }),
        ...(event.OrchestrationStatus ? { OrchestrationStatus: event.OrchestrationStatus } : {}),
        ...(showOutput && typeof result === 'string' ? { Result: JSON.parse(result) } : {}),
      };
    });
}

function eventsOfLastGeneration(episodes: readonly Episode[]): HistoryEvent[] {
  const last = episodes.reduce((found, episode) => Math.max(found, episode.generation), 0);
  return episodes
    .filter((episode) => episode.generation === last)
    .flatMap((episode) => eventsFromJson(episode.events));
}
