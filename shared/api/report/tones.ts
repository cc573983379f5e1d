import type { Tone } from './document.ts';

const BAD: ReadonlySet<string> = new Set(['Failed', 'ValidationFailed', 'failed']);
const GOOD: ReadonlySet<string> = new Set(['Succeeded', 'completed']);

/** Of a state of a migration, a database, a table or a finding: what is neither is to be looked at. */
export function toneOf(state: string): Tone {
  if (BAD.has(state)) return 'bad';
  return GOOD.has(state) ? 'good' : 'warning';
}
