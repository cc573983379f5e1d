import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

function runTool(file: string, args: string[]): string {
  const result = spawnSync(process.execPath, [path.join(root, 'node_modules', file), ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  return result.status === 0 ? '' : `${result.stdout}${result.stderr}` || 'failed without a word';
}

test.each(['.', 'web', 'test/web'])('the types are right: %s', (folder) => {
  expect(runTool('typescript/bin/tsc', ['-p', folder])).toBe('');
});

test('the linter has nothing to say', () => {
  expect(runTool('oxlint/bin/oxlint', ['--type-aware'])).toBe('');
});

test('every file is formatted', () => {
  const complaint = runTool('prettier/bin/prettier.cjs', ['--check', '--log-level=warn', '.']);
  expect(complaint).toBe('');
});
