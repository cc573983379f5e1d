/** Copies one table in a process of its own and prints the most memory that it had: `PORT PORT FORMAT`. */
import pg from 'pg';
import { copyPipe } from '../../../shared/pg/copy/pipe.ts';

const [sourcePort, targetPort, format] = process.argv.slice(2);

async function open(port: string | undefined): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: Number(port),
    user: 'postgres',
    password: '',
    database: 'postgres',
  });
  await client.connect();
  return client;
}

const [source, target] = [await open(sourcePort), await open(targetPort)];
const { rows, bytes } = await copyPipe(
  source,
  `copy big to stdout (format ${format})`,
  target,
  `copy big from stdin (format ${format})`,
  { signal: new AbortController().signal },
);
await Promise.all([source.end(), target.end()]);
const mebibytes = Math.round(process.resourceUsage().maxRSS / 1024);
process.stdout.write(JSON.stringify({ rows, bytes, mebibytes }));
