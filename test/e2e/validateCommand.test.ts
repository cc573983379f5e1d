import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../../scripts/freePort.ts';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/cli/main.js');

let source: ThrowawayCluster;
let target: ThrowawayCluster;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pgmove-validate-'));
  [source, target] = await Promise.all([startThrowawayCluster(), startThrowawayCluster()]);
  await source.createDatabase('shop');
  await source.run('create table t (id int primary key); create role blind login', 'shop');
});
afterAll(async () => {
  await Promise.all([source?.stop(), target?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

function validate(user: string, ...more: string[]) {
  const sides = ['--source', source.uri('shop', user), '--target', target.uri('shop')];
  return run(...sides, ...more);
}

function run(...sides: string[]) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const args = [MAIN, 'validate', ...sides];
    execFile(process.execPath, args, { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

it('validates with a stack of its own, moves nothing, and says what failed', async () => {
  const fine = await validate('postgres', '--report', 'fine.md');
  expect(fine.code, fine.stderr).toBe(0);
  expect(fine.stdout).toContain('A migration may start');
  expect(await readFile(path.join(folder, 'fine.md'), 'utf8')).toContain('A migration may start');

  const blind = await validate('blind', '--output', 'json');
  expect(blind.code, blind.stderr).toBe(3);
  const report = JSON.parse(blind.stdout) as { findings: { state: string; ruleId?: string }[] };
  expect(report.findings[0]).toMatchObject({ state: 'Failed', databaseName: 'shop' });
  expect(report.findings.map(({ ruleId }) => ruleId)).toContain('tables-readable');

  const client = await target.connect();
  const { rows } = await client.query("select from pg_database where datname = 'shop'");
  await client.end();
  expect(rows).toEqual([]);
});

it('a server that is not there is in the report, as everything else is', async () => {
  const nowhere = `postgresql://postgres@127.0.0.1:${await freePort()}/shop`;
  const away = await run('--source', source.uri('shop'), '--target', nowhere);
  expect(away.code, away.stderr).toBe(3);
  expect(away.stdout).toMatch(/Failed {2}servers {2}server-reachable, 603000\n.*The target cannot/);
  expect(away.stdout).toContain('A migration would be refused: 2 failures');
});
