import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pgmove-bootstrap-test-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs an expression with the bootstrap's modules, in the Node that is asked for. */
function evaluate(file: string, expression: string, env: NodeJS.ProcessEnv = {}): unknown {
  const script = `import * as m from ${JSON.stringify(path.join(root, file))}; console.log(JSON.stringify(${expression}) ?? 'null')`;
  const result = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  if (result.status !== 0) throw new Error(result.stderr);
  return JSON.parse(result.stdout);
}

async function writePrograms(...names: string[]): Promise<string> {
  const bin = path.join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  for (const name of names) {
    await writeFile(path.join(bin, name), '#!/bin/sh\nexit 1\n');
    await chmod(path.join(bin, name), 0o755);
  }
  return bin;
}

test('PG_BIN_DIR wins, also for a part that it holds alone', async () => {
  const bin = await writePrograms('pg_dump', 'pg_restore');
  const found = evaluate('scripts/bootstrap/postgres.mjs', 'm.findPostgres()', { PG_BIN_DIR: bin });
  expect(found).toMatchObject({ client: bin });
  expect((found as { server?: string }).server).not.toBe(bin);
});

test('wal2json is looked for beside the server that was found', async () => {
  const bin = await writePrograms('initdb', 'postgres');
  expect(
    evaluate('scripts/bootstrap/postgres.mjs', 'm.findPostgres()', { PG_BIN_DIR: bin }),
  ).not.toHaveProperty('wal2json');
  await mkdir(path.join(folder, 'lib'));
  await writeFile(path.join(folder, 'lib', 'wal2json.so'), '');
  expect(
    evaluate('scripts/bootstrap/postgres.mjs', 'm.findPostgres()', { PG_BIN_DIR: bin }),
  ).toMatchObject({ wal2json: path.join(folder, 'lib', 'wal2json.so') });
});

test('what is missing is named, with the packages that bring it', () => {
  const advice = evaluate(
    'scripts/bootstrap/postgres.mjs',
    "m.installationAdvice(['server', 'wal2json'])",
  );
  expect(advice).toMatch(/initdb, postgres/);
  expect(advice).toMatch(/apt-get install postgresql postgresql-\w+-wal2json/);
  expect(advice).toMatch(/PG_BIN_DIR/);
});

test('Chromium is the one that is named, else one of the PATH', async () => {
  const bin = await writePrograms('chromium', 'mine');
  const find = (env: NodeJS.ProcessEnv) =>
    evaluate('scripts/bootstrap/chromium.mjs', 'm.findChromium()', env);
  expect(find({ CHROMIUM_PATH: path.join(bin, 'mine') })).toBe(path.join(bin, 'mine'));
  expect(find({ CHROMIUM_PATH: path.join(bin, 'missing') })).toBeNull();
  expect(
    evaluate('scripts/bootstrap/chromium.mjs', `m.findChromium({ PATH: ${JSON.stringify(bin)} })`),
  ).toMatch(/\/chromium$/);
  expect(evaluate('scripts/bootstrap/chromium.mjs', 'm.chromiumAdvice()')).toMatch(/CHROMIUM_PATH/);
});

test('packages are current when contents agree, whatever the times of the files', async () => {
  const check = (): unknown =>
    evaluate('scripts/bootstrap/packages.mjs', `m.packagesAreCurrent(${JSON.stringify(folder)})`);
  const lock = (version: string): string =>
    JSON.stringify({
      packages: {
        '': {},
        'node_modules/a': { version, integrity: 'x' },
        'node_modules/elsewhere': { version: '1.0.0', optional: true },
      },
    });
  await writeFile(path.join(folder, 'package-lock.json'), lock('1.0.0'));
  expect(check()).toBe(false);
  await mkdir(path.join(folder, 'node_modules'));
  const installed = path.join(folder, 'node_modules', '.package-lock.json');
  await writeFile(
    installed,
    JSON.stringify({ packages: { 'node_modules/a': { version: '1.0.0', integrity: 'x' } } }),
  );
  await utimes(installed, 1, 1);
  expect(check()).toBe(true);
  await writeFile(path.join(folder, 'package-lock.json'), lock('1.0.1'));
  expect(check()).toBe(false);
});

test('a build happens when a source is newer, and drops what has no source any more', async () => {
  await writeFile(path.join(folder, 'package.json'), '{"type": "module"}');
  const options = {
    outDir: 'dist',
    rootDir: '.',
    target: 'es2023',
    module: 'nodenext',
    types: [],
    skipLibCheck: true,
  };
  await writeFile(
    path.join(folder, 'tsconfig.build.json'),
    JSON.stringify({ compilerOptions: options, include: ['cli', 'host'] }),
  );
  await writeFile(path.join(folder, 'tsconfig.json'), '{}');
  await mkdir(path.join(folder, 'cli'));
  await mkdir(path.join(folder, 'host'));
  await mkdir(path.join(folder, 'node_modules'));
  const link = `(await import('node:fs')).symlinkSync(${JSON.stringify(path.join(root, 'node_modules', 'typescript'))}, ${JSON.stringify(path.join(folder, 'node_modules', 'typescript'))}), 1`;
  evaluate('scripts/build.mjs', link);
  await writeFile(path.join(folder, 'cli', 'a.ts'), 'export const a = 1;\n');
  await writeFile(path.join(folder, 'cli', 'query.sql'), 'select 1;\n');
  await writeFile(path.join(folder, 'host', 'gone.ts'), 'export const gone = 1;\n');
  const old = new Date(Date.now() - 60_000);
  const built = (name: string): boolean => existsSync(path.join(folder, 'dist', name));
  const build = (): unknown =>
    evaluate('scripts/build.mjs', `m.buildIfNeeded(${JSON.stringify(folder)}, process.execPath)`);
  expect(build()).toBe(true);
  expect([built('cli/a.js'), built('cli/query.sql'), built('host/gone.js')]).toEqual([
    true,
    true,
    true,
  ]);

  // Nothing is newer: what the build would write again stays away.
  for (const name of [
    'tsconfig.json',
    'tsconfig.build.json',
    'cli',
    'host',
    'cli/a.ts',
    'cli/query.sql',
    'host/gone.ts',
  ]) {
    await utimes(path.join(folder, name), old, old);
  }
  await rm(path.join(folder, 'dist', 'cli', 'a.js'));
  expect(build()).toBe(true);
  expect(built('cli/a.js')).toBe(false);

  await rm(path.join(folder, 'host', 'gone.ts'));
  expect(build()).toBe(true);
  expect([built('cli/a.js'), built('host/gone.js')]).toEqual([true, false]);
});

test('an unknown task ends with 2 and lists the tasks', () => {
  const result = spawnSync(
    process.execPath,
    [path.join(root, 'scripts/bootstrap.mjs'), 'nothing'],
    { encoding: 'utf8' },
  );
  expect(result.status).toBe(2);
  expect(result.stderr).toContain('test|test:slow|demo|bench|');
});
