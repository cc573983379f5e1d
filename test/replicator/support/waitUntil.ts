import { setTimeout as delay } from 'node:timers/promises';

/** Asks again and again until the answer is not undefined and not false. */
export async function waitUntil<Result>(
  what: string,
  ask: () => Promise<Result | undefined | false> | Result | undefined | false,
  timeoutMs = 30_000,
): Promise<Result> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`Waited in vain for: ${what}.`);
    await delay(10);
  }
}
