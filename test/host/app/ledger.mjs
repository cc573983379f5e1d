import { appendFile } from 'node:fs/promises';

/** What the fixture's functions did goes to a file, so that it outlives a host that is killed. */
export async function record(line) {
  if (process.env.FIXTURE_LEDGER) await appendFile(process.env.FIXTURE_LEDGER, `${line}\n`);
}

const released = new Set();
const waiting = new Map();

/** Holds an activity until a request lets it go. */
export function waitForRelease(name) {
  if (released.has(name)) return Promise.resolve();
  return new Promise((resolve) => waiting.set(name, resolve));
}

export function release(name) {
  released.add(name);
  waiting.get(name)?.();
}
