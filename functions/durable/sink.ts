import { openEventSink } from '../../shared/notifications/eventSink.ts';
import type { EventSink } from '../../shared/notifications/eventSink.ts';
import type { Runtime } from '../../shared/state/runtime.ts';

let opened: { sink: EventSink | undefined } | undefined;

/** The process's sink: one client, so that connections and tokens are used again. */
export function eventSink({ settings }: Runtime): EventSink | undefined {
  opened ??= { sink: openEventSink(settings) };
  return opened.sink;
}
