/**
 * The key of the service, where it asks for one. It is typed in and lives in this variable only:
 * never in the storage of the browser, and it is gone with the page.
 */
let key: string | undefined;
let isRefused = false;
const listeners = new Set<(isRefused: boolean) => void>();

export function currentKey(): string | undefined {
  return key;
}

export function rememberKey(given: string): void {
  key = given;
  setRefused(false);
}

/** The service answered that it does not know who asks. */
export function noteRefusal(): void {
  key = undefined;
  setRefused(true);
}

export function isSignInNeeded(): boolean {
  return isRefused;
}

export function onSignInNeeded(listener: (isRefused: boolean) => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function setRefused(value: boolean): void {
  isRefused = value;
  for (const listener of listeners) listener(value);
}
