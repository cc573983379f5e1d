import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { REFERENCE_FILE, renderCliReference } from '../../scripts/docs/cliReference.ts';

test('docs/cli.md is what --help says (npm run docs writes it)', async () => {
  expect(await readFile(REFERENCE_FILE, 'utf8')).toBe(renderCliReference());
});
