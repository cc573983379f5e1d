import type { WalMessage } from '../../shared/wal/messages.ts';
import { LONG_REST_MS } from '../../shared/wal/readPace.ts';
import type { WalStream } from '../../shared/wal/stream.ts';

/** Messages that come within this time belong to the same backlog: the reader rests in between. */
const SOON_MS = LONG_REST_MS + 5;

/**
 * The messages behind those that were taken: what is there, or comes at once. Each group that a
 * backlog is cut into costs a commit, so a group does not end where the reader was a little faster
 * than the server; nor while the target is `busy` with what was taken, which a commit waits for
 * anyway.
 */
export async function moreOf(
  stream: WalStream,
  busy: Promise<void> | undefined,
): Promise<WalMessage[]> {
  const messages = stream.tryNext();
  if (messages.length > 0) return messages;
  const isLeft = { now: false };
  const wake = () => {
    if (!isLeft.now) stream.wake();
  };
  if (busy !== undefined) busy.then(wake, wake);
  else if (!stream.isFlowing) return messages;
  const timer = busy === undefined ? setTimeout(wake, SOON_MS) : undefined;
  try {
    return await stream.next();
  } finally {
    isLeft.now = true;
    clearTimeout(timer);
  }
}
