import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSampleDatabase } from '../../scripts/demo/sample/sampleDatabase.ts';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { clientBinaries } from '../../shared/pg/clientBinaries.ts';

const run = promisify(execFile);
const COUNTS = `
  select n.nspname || '.' || c.relname as name, c.relkind::text as kind,
         (pg_catalog.xpath('//c/text()', pg_catalog.query_to_xml(
            pg_catalog.format('select count(*) as c from only %I.%I', n.nspname, c.relname), false, true, '')))[1]::text::int as rows
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r') and n.nspname !~ '^pg_|information_schema' order by 1`;

let cluster: ThrowawayCluster;

beforeAll(async () => {
  cluster = await startThrowawayCluster();
  await cluster.createDatabase('shop');
});

afterAll(() => cluster?.stop());

test('the sample fills every table that is not meant to be empty', async () => {
  const client = await cluster.connect('shop');
  try {
    await createSampleDatabase(client, { connect: () => cluster.connect('shop') });
    const { rows } = await client.query<{ name: string; rows: number }>(COUNTS);
    expect(rows.length).toBeGreaterThan(25);
    expect(rows.filter((row) => row.rows === 0).map((row) => row.name)).toEqual([
      'Weird Schema.empty_table',
    ]);
  } finally {
    await client.end();
  }
});

test('pg_dump and pg_restore carry the sample without a word', async () => {
  const { folder } = await clientBinaries();
  const archive = path.join(tmpdir(), `pgmove-sample-${process.pid}.dump`);
  try {
    await cluster.createDatabase('copy');
    await run(path.join(folder, 'pg_dump'), ['-Fc', '-f', archive, '-d', cluster.uri('shop')]);
    const restored = await run(path.join(folder, 'pg_restore'), [
      '-d',
      cluster.uri('copy'),
      archive,
    ]);
    expect(restored.stderr).toBe('');
    const [shop, copy] = [await cluster.connect('shop'), await cluster.connect('copy')];
    try {
      expect((await copy.query(COUNTS)).rows).toEqual((await shop.query(COUNTS)).rows);
    } finally {
      await Promise.all([shop.end(), copy.end()]);
    }
  } finally {
    await rm(archive, { force: true });
  }
});
