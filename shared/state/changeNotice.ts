import { EventEmitter } from 'node:events';

/**
 * Tells whoever waits in this process that something of a migration changed: its row, or its work. Only a hint that saves
 * looking: writers in other processes are not heard, so a waiter looks for itself now and then.
 */
const changes = new EventEmitter();
changes.setMaxListeners(0);

export function announceChange(migrationId: string): void {
  changes.emit(migrationId);
}

/** Resolves at the next change that this process makes, or after the time. */
export function changeOrTime(migrationId: string, timeMs: number): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      changes.off(migrationId, end);
      resolve();
    };
    const timer = setTimeout(end, timeMs);
    changes.once(migrationId, end);
  });
}
