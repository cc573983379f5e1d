import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { formatOfAccept, formatOfFile } from '../../../shared/api/report/format.ts';
import { PGMOVE_VERSION } from '../../../shared/api/version.ts';

test.each([
  [null, 'json'],
  ['', 'json'],
  ['*/*', 'json'],
  ['application/json', 'json'],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'html'],
  ['text/markdown', 'markdown'],
  ['application/json;q=0.5, text/markdown; q=0.9', 'markdown'],
  ['text/html;q=0, text/*', 'html'],
  ['image/png', 'json'],
] as const)('Accept: %s is answered as %s', (accept, format) => {
  expect(formatOfAccept(accept)).toBe(format);
});

test('a file gets what its name says', () => {
  expect(['a.html', 'a.HTM', 'a.json', 'a.md', 'a'].map(formatOfFile)).toEqual([
    'html',
    'html',
    'json',
    'markdown',
    'markdown',
  ]);
});

test('the version is that of the package', () => {
  const file = path.resolve(import.meta.dirname, '../../../package.json');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ version: PGMOVE_VERSION });
});
