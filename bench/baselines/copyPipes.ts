import path from 'node:path';
import { runProgram } from '../childProcess.ts';
import { timed } from '../measure.ts';
import type { Contender, Site } from '../offline/benchCase.ts';
import { DATABASE, withClient } from '../offline/servers.ts';

export type CopyFormat = 'text' | 'binary';

export function copyPipesName(format: CopyFormat): string {
  return `two COPY pipes, ${format}`;
}

/**
 * The least that has to be done: each half of the table's pages through one `psql | psql`. No
 * schema, index, statistics or snapshot.
 */
export function copyPipes(
  site: Site,
  table: { name: string; definition: string },
  format: CopyFormat,
): Contender {
  return {
    name: copyPipesName(format),
    proves: 'rows',
    run: async () => {
      const middle = await middlePage(site, table.name);
      await site.servers.target.run(table.definition, DATABASE);
      const seconds = await timed(() =>
        Promise.all(
          [`ctid < '(${middle},0)'`, `ctid >= '(${middle},0)'`].map((condition) =>
            pipe(
              site,
              `copy (select * from ${table.name} where ${condition}) to stdout (format ${format})`,
              `copy ${table.name} from stdin (format ${format})`,
            ),
          ),
        ),
      );
      return { seconds };
    },
  };
}

async function middlePage(site: Site, table: string): Promise<number> {
  return withClient(site.servers.source, DATABASE, site.signal, async (client) => {
    const { rows } = await client.query<{ middle: number }>(
      `select (pg_relation_size($1::regclass)
        / current_setting('block_size')::bigint / 2)::int as middle`,
      [table],
    );
    return rows[0]?.middle ?? 0;
  });
}

/** The shell connects the two, so that no byte passes through this process. */
async function pipe(site: Site, read: string, write: string): Promise<void> {
  const psql = path.join(site.programs.postgresFolder, 'psql');
  const { sourceUri, targetUri } = site.servers;
  await runProgram(
    'sh',
    [
      '-c',
      '"$0" -X -q -v ON_ERROR_STOP=1 -d "$1" -c "$2" | "$0" -X -q -v ON_ERROR_STOP=1 -d "$3" -c "$4"',
      psql,
      sourceUri,
      read,
      targetUri,
      write,
    ],
    { signal: site.signal },
  );
}
