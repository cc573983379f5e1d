import { EventEmitter } from 'node:events';

/**
 * Tells whoever waits in this process that something changed: a migration's row (its id), or the
 * work of a database's copy (workOf). Only a hint that saves looking: writers in other processes are
 * not heard, so a waiter looks for itself now and then.
 */
const changes = new EventEmitter();
changes.setMaxListeners(0);

export function workOf(migrationId: string, database: string): string {
  return `${migrationId}/${database}`;
}

export function announceChange(what: string): void {
  changes.emit(what);
}

/** Resolves at the next change that this process makes, or after the time. */
export function changeOrTime(what: string, timeMs: number): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      changes.off(what, end);
      resolve();
    };
    const timer = setTimeout(end, timeMs);
    changes.once(what, end);
  });
}
