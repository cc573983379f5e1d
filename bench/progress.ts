/** Progress is for people: stderr, so that stdout holds the result and nothing else. */
export function note(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
}
