import type { InvocationContext } from '@azure/functions';
import { openDeliveryGate } from '../../shared/notifications/deliveryGate.ts';
import { openDestinations } from '../../shared/notifications/destinations.ts';
import type { Dispatcher } from '../../shared/notifications/dispatch.ts';
import type { Runtime } from '../../shared/state/runtime.ts';

let opened: Pick<Dispatcher, 'destinations' | 'gate'> | undefined;

/** No invocation is ended from outside; its requests have a time limit of their own. */
const signal = new AbortController().signal;

/** The process's destinations: one client each, so that connections, tokens and consents are kept. */
export function dispatcher({ stores, settings }: Runtime, log: InvocationContext): Dispatcher {
  opened ??= { destinations: openDestinations(settings), gate: openDeliveryGate() };
  return { ...opened, stores, log, signal };
}
