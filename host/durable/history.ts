/** Events of an orchestration's history, in the form that durable-functions replays. */

export const EventType = {
  ExecutionStarted: 0,
  ExecutionCompleted: 1,
  ExecutionFailed: 2,
  ExecutionTerminated: 3,
  TaskScheduled: 4,
  TaskCompleted: 5,
  TaskFailed: 6,
  SubOrchestrationInstanceCreated: 7,
  SubOrchestrationInstanceCompleted: 8,
  SubOrchestrationInstanceFailed: 9,
  TimerCreated: 10,
  TimerFired: 11,
  OrchestratorStarted: 12,
  OrchestratorCompleted: 13,
  EventSent: 14,
  EventRaised: 15,
  ContinueAsNew: 16,
  GenericEvent: 17,
  HistoryState: 18,
  ExecutionSuspended: 19,
  ExecutionResumed: 20,
} as const;

export type EventTypeName = keyof typeof EventType;

export interface HistoryEvent {
  readonly EventType: number;
  readonly EventId: number;
  IsPlayed: boolean;
  readonly Timestamp: Date;
  readonly Name?: string;
  readonly Version?: string | null;
  /** JSON text. */
  readonly Input?: string | null;
  /** JSON text, never undefined where a task completed: the library parses it. */
  readonly Result?: string;
  readonly TaskScheduledId?: number;
  readonly TimerId?: number;
  readonly FireAt?: Date;
  readonly Reason?: string;
  readonly Details?: string;
  readonly InstanceId?: string;
  readonly OrchestrationStatus?: string;
}

export function newEvent(
  type: EventTypeName,
  timestamp: Date,
  fields: Partial<HistoryEvent> = {},
): HistoryEvent {
  return {
    EventType: EventType[type],
    EventId: -1,
    IsPlayed: false,
    Timestamp: timestamp,
    ...fields,
  };
}

export function eventTypeName(type: number): string {
  const found = Object.entries(EventType).find(([, value]) => value === type);
  return found ? found[0] : String(type);
}

export function eventsToJson(events: readonly HistoryEvent[]): string {
  return JSON.stringify(events, (key, value: unknown) => (key === 'IsPlayed' ? undefined : value));
}

/** Events from storage have happened before: they are replayed. */
export function eventsFromJson(text: string): HistoryEvent[] {
  const parsed = JSON.parse(text) as (Omit<HistoryEvent, 'Timestamp' | 'FireAt'> & {
    Timestamp: string;
    FireAt?: string;
  })[];
  return parsed.map(({ Timestamp, FireAt, ...rest }) => ({
    ...rest,
    IsPlayed: true,
    Timestamp: new Date(Timestamp),
    ...(FireAt === undefined ? {} : { FireAt: new Date(FireAt) }),
  }));
}

/** The ids of tasks and timers that a history has scheduled, with the event that did it. */
export function scheduledEvents(history: readonly HistoryEvent[]): Map<number, HistoryEvent> {
  const found = new Map<number, HistoryEvent>();
  for (const event of history) {
    if (
      event.EventType === EventType.TaskScheduled ||
      event.EventType === EventType.TimerCreated ||
      event.EventType === EventType.SubOrchestrationInstanceCreated
    ) {
      found.set(event.EventId, event);
    }
  }
  return found;
}

/** The scheduled tasks and timers that have not ended. */
export function openEvents(history: readonly HistoryEvent[]): Map<number, HistoryEvent> {
  const open = scheduledEvents(history);
  for (const event of history) {
    const ended = event.TaskScheduledId ?? event.TimerId;
    if (ended !== undefined) open.delete(ended);
  }
  return open;
}
