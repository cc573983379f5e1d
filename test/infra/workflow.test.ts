import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { azuriteConnectionString } from '../../scripts/azurite.ts';
import { readDockerfile } from '../../scripts/images/readDockerfile.ts';
import { root } from '../project/sources.ts';

interface Workflow {
  permissions: Record<string, string>;
  jobs: Record<string, { 'timeout-minutes': number; steps: { uses?: string; run?: string }[] }>;
}

const file = path.join(root, '.github/workflows/ci.yml');
const workflow = parse(readFileSync(file, 'utf8')) as Workflow;
const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);
const commands = steps.map(({ run }) => run ?? '').join('\n');

test('the workflow runs the checks, builds both images and compiles the infrastructure', () => {
  expect(commands).toContain('.ci/run');
  expect(existsSync(path.join(root, '.ci/run'))).toBe(true);
  const targets = readDockerfile(path.join(root, 'Dockerfile')).map(({ name }) => name);
  const built = [...commands.matchAll(/docker build --target (\w+)/g)].map(([, name]) => name);
  expect(built).toEqual(['functions', 'replicator']);
  for (const name of built) expect(targets).toContain(name);
  expect(commands).toContain('npx vitest run test/infra');
});

test('it may only read, ends in time, and its actions are fixed by hash', () => {
  expect(workflow.permissions).toEqual({ contents: 'read' });
  for (const job of Object.values(workflow.jobs)) expect(job['timeout-minutes']).toBeGreaterThan(0);
  const used = steps.flatMap(({ uses }) => uses ?? []);
  expect(used.length).toBeGreaterThan(2);
  for (const action of used) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
});

test("the sed of the workflow finds Azurite's public key", () => {
  const source = readFileSync(path.join(root, 'scripts/azurite.ts'), 'utf8');
  const found = /^ {2}'(.*==)';$/m.exec(source)?.[1];
  expect(azuriteConnectionString({ blob: 1, queue: 2, table: 3 })).toContain(
    `AccountKey=${found};`,
  );
});
