import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';

const CHANNEL = 'http.client.response.finish';

/** How many answers this process got over HTTP meanwhile, and the bytes of their bodies. */
export async function countAnswers(
  work: () => Promise<unknown>,
): Promise<{ count: number; bytes: number }> {
  const counted = { count: 0, bytes: 0 };
  const onAnswer = (message: unknown): void => {
    const { response } = message as { response: IncomingMessage };
    counted.count += 1;
    const push = response.push.bind(response);
    response.push = (chunk: Buffer | null, ...rest) => {
      counted.bytes += chunk?.length ?? 0;
      return push(chunk, ...rest);
    };
  };
  subscribe(CHANNEL, onAnswer);
  try {
    await work();
  } finally {
    unsubscribe(CHANNEL, onAnswer);
  }
  return counted;
}
