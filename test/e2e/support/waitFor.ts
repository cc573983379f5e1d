import { setTimeout as pause } from 'node:timers/promises';

/** Looks until the condition holds and returns what it gave; the error says what was waited for. */
export async function waitFor<Value>(
  what: string,
  look: () => Promise<Value | undefined | false>,
  timeoutMs = 90_000,
): Promise<Value> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await look();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain for ${what}.`);
    await pause(50);
  }
}
