import type { WalMessage } from '../../shared/wal/messages.ts';
import type { WalStream } from '../../shared/wal/stream.ts';

/** Messages that come within this time belong to the same backlog. */
const SOON_MS = 10;

/**
 * The messages behind those that were taken: what is there, or comes at once. Each group that a
 * backlog is cut into costs a commit, so a group does not end where the reader was a little faster
 * than the server.
 */
export async function moreOf(stream: WalStream): Promise<WalMessage[]> {
  const messages = stream.tryNext();
  if (messages.length > 0 || !stream.isFlowing) return messages;
  const timer = setTimeout(() => stream.wake(), SOON_MS);
  try {
    return await stream.next();
  } finally {
    clearTimeout(timer);
  }
}
