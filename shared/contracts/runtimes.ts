/*
 * A worker group ("runtime") is a deployment of its own, with its own task hub and queues over the same
 * state, that carries the migrations which name it. Where none is named, the deployment without a name
 * carries them: the front.
 */

/** How a deployment and the migrations it carries find each other: undefined is the front. */
export type RuntimeId = string | undefined;

/** Ids are compared without case. */
export function runtimeIdOf(text: string): string {
  return text.trim().toLowerCase();
}

const SHORT = /^[a-z0-9]{1,20}$/;

/** What the names of a group's queues and of its task hub end with: up to 20 letters and digits. */
export function runtimeKeyOf(id: string): string {
  if (SHORT.test(id)) return id;
  const last = id.split('/').findLast((part) => part !== '') ?? '';
  const readable = last.replaceAll(/[^a-z0-9]/g, '').slice(0, 12);
  return `${readable}${hashOf(id)}`;
}

const HUB = 'pgmove';

/** host.json names the front's hub; a group's is set by the environment. */
export function taskHubOf(runtime: RuntimeId): string {
  return runtime === undefined ? HUB : `${HUB}${runtimeKeyOf(runtime)}`;
}

/** The application setting that gives a deployment its task hub. */
export const TASK_HUB_SETTING = 'AzureFunctionsJobHost__extensions__durableTask__hubName';

/** A group that was silent for longer is not there. */
export const RUNTIME_SILENT_MS = 10 * 60_000;

/** A row of Runtimes. */
export interface RuntimeRecord {
  id: string;
  taskHub: string;
  /** ISO 8601. */
  startedOn: string;
  seenOn: string;
}

export function isAlive({ seenOn }: RuntimeRecord, now: Date): boolean {
  return now.getTime() - Date.parse(seenOn) <= RUNTIME_SILENT_MS;
}

/** FNV-1a, 32 bits: names of groups are few, and nobody gains by a collision. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (const character of text) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, '0');
}
