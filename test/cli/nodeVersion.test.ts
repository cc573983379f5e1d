import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

function runAs(version: string) {
  const pretend =
    `Object.defineProperty(process, 'versions', ` +
    `{ value: { ...process.versions, node: '${version}' } });`;
  return spawnSync(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--import',
      `data:text/javascript,${encodeURIComponent(pretend)}`,
      path.join(root, 'cli/main.ts'),
      '--version',
    ],
    { encoding: 'utf8' },
  );
}

test.for(['20.20.2', '22.11.0', '18.0.0'])('Node %s is told that it is too old', (version) => {
  const { status, stdout, stderr } = runAs(version);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(new RegExp(`^pgmove: This is Node ${version}; pgmove needs Node 22\\.12`));
});

test.for(['22.12.0', '24.0.0'])('Node %s runs', (version) => {
  expect(runAs(version)).toMatchObject({ status: 0, stdout: '0.1.0\n', stderr: '' });
});

test('the oldest Node is the one that the package names, and nothing is imported before it is known', () => {
  const main = readFileSync(path.join(root, 'cli/main.ts'), 'utf8');
  const { engines } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    engines: { node: string };
  };
  const [major, minor] = engines.node.replace('>=', '').split('.');
  expect(main).toContain(`OLDEST = [${major}, ${minor}]`);
  expect(main).not.toMatch(/^import /m);
});
