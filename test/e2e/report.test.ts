import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { migrationReportSchema } from '../../shared/api/report/schema.ts';
import { testMigration } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import type { TestStack } from './support/testStack.ts';

let source: ThrowawayCluster;
let target: ThrowawayCluster;
let stack: TestStack;

useTestSite((site) => {
  ({ source, target, stack } = site);
});

const PGMOVE = path.resolve(import.meta.dirname, '../../dist/cli/main.js');

async function pgmove(args: readonly string[]) {
  const child = spawn(process.execPath, [PGMOVE, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

test('the report of a real migration: what was moved, from where, and what was not carried', async () => {
  await source.createDatabase('reported');
  await source.run(
    `create role reported_owner;
     create table plain (id int primary key, v text);
     insert into plain select i, 'x' from generate_series(1, 1000) i;
     create table "a|b<i>""c" (id int primary key);
     insert into "a|b<i>""c" values (1);
     alter table plain owner to reported_owner;`,
    'reported',
  );
  const migration = testMigration({
    stack,
    source,
    target,
    databases: ['reported'],
    properties: { verify: 'hash', migrationOption: 'ValidateAndMigrate', jobs: 2 },
  });
  await migration.put();
  const early = await fetch(`${migration.url}/report?api-version=2025-08-01`);
  expect(migrationReportSchema.parse(await early.json())).toMatchObject({
    migrationName: migration.name,
  });
  expect((await migration.ended()).properties.currentStatus.state).toBe('Succeeded');

  const answer = await fetch(`${migration.url}/report?api-version=2025-08-01`);
  const report = migrationReportSchema.strict().parse(await answer.json());
  expect(report).toMatchObject({
    isFinal: true,
    state: 'Succeeded',
    totals: { databases: 1, tables: 2, tablesCompleted: 2, tablesFailed: 0, rows: 1001 },
    settings: { jobs: 2, verify: 'hash' },
    validation: { status: expect.stringMatching(/Succeeded|Warning/) as string },
  });
  expect(report.source.version).toMatch(/^\d+/);
  expect(report.target.version).toMatch(/^\d+/);
  const [database] = report.databases;
  expect(database?.snapshot?.lsn).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
  expect(database?.copy?.bytesPerSecond).toBeGreaterThan(0);
  expect(database?.verification).toEqual({ mode: 'hash', tableCount: 2, differences: [] });
  expect(JSON.stringify(database?.notCarried)).toContain('reported_owner');
  expect(database?.tables.map(({ table, rows }) => [table, rows]).toSorted()).toEqual([
    ['a|b<i>"c', 1],
    ['plain', 1000],
  ]);
  const states = report.timeline.filter(({ databaseName }) => databaseName === undefined);
  expect(states.at(0)?.state).toBe('Created');
  expect(states.at(-1)?.state).toBe('Succeeded');
  expect(states.map(({ subState }) => subState)).toContain('MigratingData');

  await using folder = await temporaryFolder();
  const file = path.join(folder.path, 'report.html');
  const server = ['--server-name', 'e2e', '-g', 'test', '--url', stack.url];
  const written = await pgmove(['report', migration.name, ...server, '--output', file]);
  expect(written).toEqual({ code: 0, stdout: '', stderr: '' });
  const html = await readFile(file, 'utf8');
  expect(html).toContain('<code>public.a|b&lt;i&gt;&quot;c</code>');
  const markdown = await pgmove(['report', migration.name, ...server, '--all-tables']);
  expect(markdown.stdout).toMatch(/^# Migration /);
  expect(markdown.stdout).toContain('public.a\\|b\\<i\\>"c');
  const json = await pgmove(['report', migration.name, ...server, '--format', 'json']);
  expect(migrationReportSchema.parse(JSON.parse(json.stdout)).migrationId).toBe(report.migrationId);
  expect((await pgmove(['report', 'none-such', ...server])).code).toBe(2);
  // No other server has a migration of this name.
  const found = await pgmove(['report', migration.name, '--url', stack.url]);
  expect(found.stdout).toMatch(/^# Migration /);
  const none = await pgmove(['report', 'none-such', '--url', stack.url]);
  expect([none.code, none.stderr]).toEqual([2, "pgmove: There is no migration 'none-such'.\n"]);
});

async function temporaryFolder() {
  const folder = await mkdtemp(path.join(tmpdir(), 'pgmove-report-'));
  return {
    path: folder,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
