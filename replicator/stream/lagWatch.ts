import type { PgSession } from '../../shared/pg/connect.ts';
import { parseLsn } from '../../shared/wal/lsn.ts';
import type { Lsn } from '../../shared/wal/lsn.ts';

/** As many positions as make a day at one in a second, thinned out as they age. */
const MOST_SAMPLES = 4096;

/**
 * How old the newest position is that the target has: the source's end is noted with its time every
 * now and then, so nothing has to be written on the source to measure the latency.
 */
export class LagWatch {
  readonly #samples: { lsn: Lsn; at: number }[] = [];
  #end: Lsn = 0n;

  /** Notes the source's present end. */
  async sample(source: PgSession): Promise<void> {
    const at = Date.now();
    const { rows } = await source.query<{ lsn: string }>(
      'select pg_catalog.pg_current_wal_insert_lsn()::text as lsn',
    );
    this.#end = parseLsn(rows[0]?.lsn ?? '0/0');
    if (this.#samples.at(-1)?.lsn === this.#end) {
      // Nothing was written since: what is there is as new as this moment.
      this.#samples.at(-1)!.at = at;
      return;
    }
    this.#samples.push({ lsn: this.#end, at });
    if (this.#samples.length <= MOST_SAMPLES) return;
    const thinned = this.#samples.filter((_, index) => index % 2 === 0 || index > MOST_SAMPLES / 2);
    this.#samples.splice(0, this.#samples.length, ...thinned);
  }

  /** Seconds, and bytes of WAL, that `applied` is behind the source. */
  lag(applied: Lsn, now: number): { seconds: number; bytes: number } {
    const bytes = applied >= this.#end ? 0 : Number(this.#end - applied);
    if (bytes === 0) return { seconds: 0, bytes };
    let reached = 0;
    while (reached < this.#samples.length && this.#samples[reached]!.lsn <= applied) reached += 1;
    // What is behind is at least as old as the first position that is not reached.
    const open = this.#samples[reached];
    if (reached > 0) this.#samples.splice(0, reached - 1);
    return { seconds: open === undefined ? 0 : Math.max(0, (now - open.at) / 1000), bytes };
  }
}
