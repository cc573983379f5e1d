/** An orchestration instance that has not ended, as the host keeps it in memory. */
import { eventsFromJson, eventsToJson, newEvent, openEvents, scheduledEvents } from './history.ts';
import type { HistoryEvent } from './history.ts';
import type { Episode, ExecutionLog, InstanceRecord, RuntimeStatus } from './store.ts';

/** What an instance is told. Messages with a sequence lie in its inbox in storage. */
export type Message =
  | { kind: 'event'; event: HistoryEvent; sequence?: number }
  | { kind: 'terminate' | 'suspend' | 'resume'; reason: string; sequence?: number };

/** The part of an episode's row that is not history. Texts are JSON. */
export interface InstanceState {
  status: RuntimeStatus;
  output: string | null;
  customStatus: string | null;
  updatedAt: string;
  /** Messages up to this sequence have been taken … */
  takenUpTo: number;
  /** … and these ones above it (the rest waits until the instance is resumed). */
  takenAbove: number[];
  /** The first row of a continued execution: its input and the events that nobody had claimed. */
  continued?: { input: string; carried: string };
}

export interface Batch {
  events: HistoryEvent[];
  sequences: number[];
  terminated: string | undefined;
  /** Whether there is anything that the orchestrator has to see. */
  runs: boolean;
}

export class LiveInstance {
  readonly record: InstanceRecord;
  generation = 0;
  episodeCount = 0;
  history: HistoryEvent[] = [];
  scheduled = new Map<number, HistoryEvent>();
  open = new Map<number, HistoryEvent>();
  messages: Message[] = [];
  readonly timers = new Map<number, NodeJS.Timeout>();
  /** Why it is suspended; undefined when it is not. */
  suspendedBecause: string | undefined;
  isActive = false;
  isEnded = false;
  /** The writes to the inbox, one after the other, so that messages keep their order. */
  inboxWrites: Promise<void> = Promise.resolve();
  /** The writes of the row in the table of instances. */
  recordWrites: Promise<void> = Promise.resolve();
  recordIsDirty = false;
  #nextSequence = 1;
  #takenUpTo = 0;
  #takenAbove: number[] = [];
  #lastTimestamp = 0;

  constructor(record: InstanceRecord) {
    this.record = record;
  }

  static restore(record: InstanceRecord, log: ExecutionLog): LiveInstance {
    const instance = new LiveInstance(record);
    const generation = log.episodes.reduce(
      (last, episode) => Math.max(last, episode.generation),
      0,
    );
    const episodes = log.episodes.filter((episode) => episode.generation === generation);
    instance.generation = generation;
    instance.episodeCount = episodes.length;
    for (const episode of episodes) instance.addHistory(eventsFromJson(episode.events));
    instance.#restoreState(episodes);
    for (const { sequence, message } of log.inbox) {
      instance.#nextSequence = Math.max(instance.#nextSequence, sequence + 1);
      if (sequence <= instance.#takenUpTo || instance.#takenAbove.includes(sequence)) continue;
      instance.messages.push({ ...messageFromJson(message), sequence });
    }
    return instance;
  }

  #restoreState(episodes: readonly Episode[]): void {
    const last = episodes.at(-1);
    if (!last) return;
    const state = JSON.parse(last.state) as InstanceState;
    this.record.status = state.status;
    this.record.output = state.output;
    this.record.customStatus = state.customStatus;
    this.record.updatedAt = new Date(state.updatedAt);
    this.#takenUpTo = state.takenUpTo;
    this.#takenAbove = state.takenAbove;
    this.#nextSequence = Math.max(state.takenUpTo, ...state.takenAbove) + 1;
    if (state.status === 'Suspended') {
      this.suspendedBecause = state.output === null ? '' : (JSON.parse(state.output) as string);
    }
    const first = JSON.parse(episodes[0]?.state ?? '{}') as Partial<InstanceState>;
    if (!first.continued) return;
    this.record.input = first.continued.input;
    if (episodes.length > 1) return;
    for (const event of eventsFromJson(first.continued.carried)) {
      this.messages.push({ kind: 'event', event });
    }
  }

  get id(): string {
    return this.record.instanceId;
  }

  get hasWork(): boolean {
    if (this.isEnded) return false;
    if (this.suspendedBecause === undefined) {
      return this.messages.length > 0 || this.history.length === 0;
    }
    return this.messages.some((message) => message.kind !== 'event');
  }

  nextSequence(): number {
    return this.#nextSequence++;
  }

  /** The time of an episode: never before an earlier one's. */
  nextTimestamp(): Date {
    this.#lastTimestamp = Math.max(Date.now(), this.#lastTimestamp);
    return new Date(this.#lastTimestamp);
  }

  /** Takes the messages that can be acted on; events wait while the instance is suspended. */
  takeMessages(now: Date): Batch {
    const batch: Batch = { events: [], sequences: [], terminated: undefined, runs: false };
    const kept: Message[] = [];
    const ended = new Set<number>();
    for (const message of this.messages) {
      if (message.kind === 'event' && this.suspendedBecause !== undefined) {
        kept.push(message);
        continue;
      }
      if (message.sequence !== undefined) batch.sequences.push(message.sequence);
      switch (message.kind) {
        case 'event': {
          const task = message.event.TaskScheduledId ?? message.event.TimerId;
          // What has ended already, or was told twice, is not told again.
          if (task !== undefined && (!this.open.has(task) || ended.has(task))) break;
          if (task !== undefined) ended.add(task);
          message.event.IsPlayed = false;
          batch.events.push(message.event);
          batch.runs = true;
          break;
        }
        case 'terminate':
          batch.terminated ??= message.reason;
          break;
        case 'suspend':
          this.suspendedBecause = message.reason;
          batch.events.push(newEvent('ExecutionSuspended', now, { Reason: message.reason }));
          break;
        case 'resume':
          if (this.suspendedBecause === undefined) break;
          this.suspendedBecause = undefined;
          batch.events.push(newEvent('ExecutionResumed', now, { Reason: message.reason }));
          batch.runs = true;
      }
    }
    this.messages = kept;
    if (this.history.length === 0 && this.suspendedBecause === undefined) batch.runs = true;
    return batch;
  }

  /** Which messages have been taken once `sequences` are, too. */
  markTaken(sequences: readonly number[]): { takenUpTo: number; takenAbove: number[] } {
    const above = new Set([...this.#takenAbove, ...sequences]);
    // Sequences are given in order, so everything below the first one that waits is taken.
    const waiting = this.messages.flatMap(({ sequence }) => sequence ?? []);
    const firstWaiting = Math.min(...waiting, Number.MAX_SAFE_INTEGER);
    for (const sequence of above) {
      if (sequence >= firstWaiting) continue;
      this.#takenUpTo = Math.max(this.#takenUpTo, sequence);
    }
    this.#takenAbove = [...above].filter((sequence) => sequence > this.#takenUpTo);
    return { takenUpTo: this.#takenUpTo, takenAbove: this.#takenAbove };
  }

  addHistory(events: readonly HistoryEvent[]): void {
    for (const event of events) {
      event.IsPlayed = true;
      this.history.push(event);
      this.#lastTimestamp = Math.max(this.#lastTimestamp, event.Timestamp.getTime());
      const ended = event.TaskScheduledId ?? event.TimerId;
      if (ended !== undefined) this.open.delete(ended);
    }
    for (const [id, event] of scheduledEvents(events)) this.scheduled.set(id, event);
    for (const [id, event] of openEvents(events)) this.open.set(id, event);
  }

  /** Begins the execution anew with another input. */
  continueAsNew(input: string, carried: readonly HistoryEvent[]): void {
    this.clearTimers();
    this.generation += 1;
    this.episodeCount = 0;
    this.history = [];
    this.scheduled = new Map();
    this.open = new Map();
    this.record.input = input;
    // What was told to the old execution's tasks concerns nobody any more.
    const later = this.messages.filter(
      (message) =>
        message.kind !== 'event' ||
        (message.event.TaskScheduledId ?? message.event.TimerId) === undefined,
    );
    this.messages = [...carried.map((event) => ({ kind: 'event' as const, event })), ...later];
  }

  clearTimers(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }
}

export function messageToJson(message: Message): string {
  return message.kind === 'event'
    ? JSON.stringify({ kind: 'event', events: eventsToJson([message.event]) })
    : JSON.stringify({ kind: message.kind, reason: message.reason });
}

function messageFromJson(text: string): Message {
  const stored = JSON.parse(text) as { kind: Message['kind']; events?: string; reason?: string };
  if (stored.kind !== 'event') return { kind: stored.kind, reason: stored.reason ?? '' };
  const [event] = eventsFromJson(stored.events ?? '[]');
  if (!event) throw new Error('A message in the inbox has no event.');
  return { kind: 'event', event: { ...event, IsPlayed: false } };
}
