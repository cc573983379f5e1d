import { spawn } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { closeGate, GATED_TABLE_SQL } from './support/copyGate.ts';
import { differences } from './support/migrations.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

let source: ThrowawayCluster;
let target: ThrowawayCluster;

beforeAll(async () => {
  [source, target] = await Promise.all([startThrowawayCluster(), startThrowawayCluster()]);
});

afterAll(async () => {
  await Promise.all([source?.stop(), target?.stop()]);
});

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The built command in a process of its own, with a stack of its own. */
function pgmove(args: readonly string[], whileRunning?: (pid: number) => Promise<void>) {
  return new Promise<Ended>((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(ROOT, 'dist/cli/main.js'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    if (whileRunning) whileRunning(child.pid ?? 0).catch(reject);
  });
}

describe('pgmove migrate', () => {
  it('moves a database and prints the final resource, and nothing else, with --json', async () => {
    await source.createDatabase('cli_ok');
    await source.run(
      'create table t (id int primary key); insert into t values (1), (2)',
      'cli_ok',
    );
    const sides = ['--source', source.uri('cli_ok'), '--target', target.uri('cli_renamed')];
    const ended = await pgmove(['migrate', ...sides, '--verify', 'hash', '--json']);
    expect(ended.stderr + String(ended.code)).toMatch(/0$/);
    const resource = JSON.parse(ended.stdout) as {
      properties: { currentStatus: { state: string } };
    };
    expect(resource.properties.currentStatus.state).toBe('Succeeded');
    expect(await differences(source, target, 'cli_ok', 'cli_renamed')).toEqual([]);

    const compared = await pgmove([
      'compare',
      '--source',
      sides[1] ?? '',
      '--target',
      sides[3] ?? '',
    ]);
    expect(compared.code).toBe(0);
    await target.run('delete from t where id = 2', 'cli_renamed');
    const differing = await pgmove([
      'compare',
      '--source',
      sides[1] ?? '',
      '--target',
      sides[3] ?? '',
    ]);
    expect(differing.code).toBe(1);
    expect(differing.stdout).toContain('public.t');

    const occupied = await pgmove(['migrate', ...sides]);
    expect(occupied.code).toBe(2);
    expect(occupied.stderr).toContain('--overwrite');
  });

  it('ends with 1 and the cause when a table cannot be copied', async () => {
    await source.createDatabase('cli_fails');
    await source.run(
      `create function public.here() returns boolean language sql as
         $$ select current_setting('pgmove_test.broken', true) is distinct from 'yes' $$;
       create table bad (id int, check (public.here())); insert into bad values (1);`,
      'cli_fails',
    );
    await target.createDatabase('cli_fails');
    await target.run("alter database cli_fails set pgmove_test.broken = 'yes'");
    const ended = await pgmove([
      'migrate',
      '--source',
      source.uri('cli_fails'),
      '--target',
      target.uri('cli_fails'),
    ]);
    expect(ended.code).toBe(1);
    expect(ended.stdout + ended.stderr).toContain('public.bad');
  });

  it('asks the migration to cancel on Ctrl-C and ends with 4', async () => {
    await source.createDatabase('cli_cancel');
    await source.run(GATED_TABLE_SQL, 'cli_cancel');
    await target.createDatabase('cli_cancel');
    const gate = await closeGate(target, 'cli_cancel');
    const ended = await pgmove(
      ['migrate', '--source', source.uri('cli_cancel'), '--target', target.uri('cli_cancel')],
      async (pid) => {
        await gate.reached();
        process.kill(pid, 'SIGINT');
      },
    );
    await gate.open();
    expect(ended.code).toBe(4);
    const client = await source.connect();
    const { rows } = await client.query(
      "select application_name from pg_stat_activity where application_name like 'pgmove/%'",
    );
    await client.end();
    expect(rows).toEqual([]);
  });
});
