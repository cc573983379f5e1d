import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import {
  renderValidationReference,
  VALIDATION_FILE,
} from '../../scripts/docs/validationReference.ts';
import { DATABASE_RULES, SERVER_RULES } from '../../shared/checks/registry.ts';

test('docs/validation.md is what the rules say (npm run docs writes it)', async () => {
  expect(await readFile(VALIDATION_FILE, 'utf8')).toBe(renderValidationReference());
});

test('no two rules have one id, and each says what it looks at and what helps', () => {
  const rules = [...SERVER_RULES, ...DATABASE_RULES];
  expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
  for (const { id, looksAt, remedy, severity } of rules) {
    expect(id).toMatch(/^[a-z]+(-[a-z]+)+$/);
    expect(looksAt).toMatch(/\.$/);
    expect(remedy).toMatch(/\.$/);
    expect(Object.keys(severity).length).toBeGreaterThan(0);
  }
});
