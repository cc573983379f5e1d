/** From this many bytes in a millisecond on, the source is sending a backlog. */
const FLOOD_BYTES_PER_MS = 8 * 1024;

const SHORT_REST_MS = 1;

/** Nobody waits longer than this for a change that has arrived. */
export const LONG_REST_MS = 20;

/** The source's pace is what it sent in at least this time: one burst is no backlog. */
const JUDGED_MS = 10;

/** A long rest that was in vain is not tried again before. */
const SHORT_RESTS_MS = 100;

/**
 * How long a reader of a walsender rests when it has taken all there was.
 *
 * A walsender writes each row by itself. While the receive window is open, each of these writes goes
 * through the whole of TCP alone, which in a backlog of small rows costs the server nearly as much as
 * decoding them, and a reader that keeps up pays a system call for every few of them. While the
 * window is closed the rows gather in the server's send buffer and leave together. So in a flood the
 * reader lets the window fill. The system lets buffers grow that are emptied seldom; where it may
 * not, the server would wait for the reader, and the rests stay short.
 */
export class ReadPace {
  #restMs = SHORT_REST_MS;
  #shortUntil = 0;
  #isFlood = false;
  /** Taken since `#since`, a moment at which there was nothing more to take. */
  #bytes = 0;
  #since = 0;

  /** There is most likely more to come within LONG_REST_MS. */
  get isFlood(): boolean {
    return this.#isFlood;
  }

  /**
   * Called for each chunk.
   *
   * @param isAll The chunk is smaller than what one read could have taken.
   * @param now Milliseconds of a clock that only goes forward.
   * @returns Milliseconds to rest before the next read; 0: there is more to be read already.
   */
  restAfter(bytes: number, isAll: boolean, now: number): number {
    this.#bytes += bytes;
    if (!isAll) return 0;
    const ms = now - this.#since;
    if (ms < JUDGED_MS) return this.#restMs;
    this.#isFlood = this.#bytes / ms >= FLOOD_BYTES_PER_MS;
    if (!this.#isFlood && this.#restMs === LONG_REST_MS) this.#shortUntil = now + SHORT_RESTS_MS;
    this.#restMs = this.#isFlood && now >= this.#shortUntil ? LONG_REST_MS : SHORT_REST_MS;
    this.startAnew(now);
    return this.#restMs;
  }

  /** The reader stood still for a reason of its own: that time says nothing about the source. */
  startAnew(now: number): void {
    this.#bytes = 0;
    this.#since = now;
  }
}
