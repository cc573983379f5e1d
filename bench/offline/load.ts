import type { Site } from './benchCase.ts';
import { DATABASE, withClient } from './servers.ts';

const SESSIONS = 2;
const SLICES = 8;

/** Runs statements in the source database, in two sessions that take the next one each. */
export async function loadStatements(site: Site, statements: readonly string[]): Promise<void> {
  const waiting = [...statements];
  const work = async (): Promise<void> => {
    await withClient(site.servers.source, DATABASE, site.signal, async (client) => {
      await client.query('set synchronous_commit = off');
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        await client.query(next);
      }
    });
  };
  await Promise.all(Array.from({ length: SESSIONS }, work));
}

/** Statements that make the rows 1 to count, each its slice of `g`. */
export function slices(count: number, statement: (from: number, to: number) => string): string[] {
  const size = Math.ceil(count / SLICES);
  const found: string[] = [];
  for (let from = 1; from <= count; from += size) {
    found.push(statement(from, Math.min(from + size - 1, count)));
  }
  return found;
}

/**
 * After loading: the first reader of a row writes its hint bits, and autovacuum would come in the
 * middle of a run. Answers the size of the database in bytes.
 */
export async function settleSource(site: Site): Promise<number> {
  return withClient(site.servers.source, DATABASE, site.signal, async (client) => {
    await client.query('vacuum (freeze, analyze)');
    await client.query('checkpoint');
    const { rows } = await client.query<{ bytes: string }>(
      'select pg_database_size(current_database()) as bytes',
    );
    return Number(rows[0]?.bytes);
  });
}
