import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { differences, testMigration } from './support/migrations.ts';
import { startTestStack } from './support/testStack.ts';
import type { TestStack } from './support/testStack.ts';

const run = promisify(execFile);

/** A file system of 40 MB needs the right to mount one: without it there is no disk to fill. */
const folder = await mkdtemp(path.join(tmpdir(), 'pgmove-disk-'));
const isMounted = await mountSmallDisk();

async function mountSmallDisk(): Promise<boolean> {
  try {
    // Clusters of root run as this user (throwawayCluster.ts), and a tablespace has to be its own.
    const { stdout } = await run('id', ['-u', 'postgres']);
    const options = `size=40m,uid=${stdout.trim()},mode=0700`;
    await run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]);
    return true;
  } catch {
    return false;
  }
}

let source: ThrowawayCluster;
let target: ThrowawayCluster;
let stack: TestStack;

beforeAll(async () => {
  if (!isMounted) return;
  [source, target, stack] = await Promise.all([
    startThrowawayCluster(),
    startThrowawayCluster(),
    startTestStack(),
  ]);
});

afterAll(async () => {
  await Promise.all([stack?.[Symbol.asyncDispose](), source?.stop(), target?.stop()]);
  if (isMounted) await run('umount', [folder]);
  await rm(folder, { recursive: true, force: true });
});

it.skipIf(!isMounted)(
  'a full disk on the target fails the table by name, and a resume completes it',
  async () => {
    await source.createDatabase('heavy');
    await source.run(
      `create table filler (id int primary key, v bytea);
       alter table filler alter v set storage external;
       insert into filler select i, decode(repeat(md5(i::text), 4000), 'hex')
         from generate_series(1, 600) i;
       create table small (id int primary key); insert into small values (1);`,
      'heavy',
    );
    // Only the tables are on the small disk: a full disk under the WAL ends the server.
    await target.run(`create tablespace small location '${folder}'`);
    await target.run('create database heavy tablespace small');
    const migration = testMigration({ stack, source, target, databases: ['heavy'] });
    await migration.put();
    const failed = (await migration.ended()).properties.currentStatus;
    expect(failed.state).toBe('Failed');
    expect(failed.error).toContain('public.filler');

    await run('mount', ['-o', 'remount,size=400m', folder]);
    expect((await migration.post('resume')).status).toBe(200);
    expect((await migration.ended()).properties.currentStatus.state).toBe('Succeeded');
    expect(await differences(source, target, 'heavy')).toEqual([]);
  },
);
