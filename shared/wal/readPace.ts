/** From this many bytes in a millisecond on, the source is sending a backlog. */
const FLOOD_BYTES_PER_MS = 8 * 1024;

const SHORT_REST_MS = 1;

/** Nobody waits longer than this for a change that has arrived. */
export const LONG_REST_MS = 20;

/** What the source sent is judged after at least this time. */
const JUDGED_MS = 10;

/** So long, about, the source's rate is remembered: one burst is no backlog, one pause not its end. */
const MEMORY_MS = 50;

/** A long rest that was in vain is not tried again before. */
const SHORT_RESTS_MS = 500;

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
  /** Bytes in a millisecond. */
  #rate = 0;
  /** Taken since `#since`, a moment at which there was nothing more to take. */
  #bytes = 0;
  #since = 0;

  /** There is most likely more to come within LONG_REST_MS. */
  get isFlood(): boolean {
    return this.#rate >= FLOOD_BYTES_PER_MS;
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
    const forgotten = 1 - Math.exp(-ms / MEMORY_MS);
    this.#rate += (this.#bytes / ms - this.#rate) * forgotten;
    // After a longer time there was nothing to send; else the source may have waited for the reader.
    const isInVain = this.#restMs === LONG_REST_MS && !this.isFlood && ms < 2 * LONG_REST_MS;
    if (isInVain) this.#shortUntil = now + SHORT_RESTS_MS;
    this.#restMs = this.isFlood && now >= this.#shortUntil ? LONG_REST_MS : SHORT_REST_MS;
    this.startAnew(now);
    return this.#restMs;
  }

  /** The reader stood still for a reason of its own: that time says nothing about the source. */
  startAnew(now: number): void {
    this.#bytes = 0;
    this.#since = now;
  }
}
