import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestStack } from '../e2e/support/testStack.ts';
import type { TestStack } from '../e2e/support/testStack.ts';
import { expectNoViolations } from './support/accessibility.ts';
import { useBrowser } from './support/browser.ts';

const KEY = 'a-key-of-the-test';

let stack: TestStack;

beforeAll(async () => {
  process.env['FUNCTIONS_HOST_KEY'] = KEY;
  stack = await startTestStack();
});

afterAll(async () => {
  delete process.env['FUNCTIONS_HOST_KEY'];
  await stack?.[Symbol.asyncDispose]();
});

const browser = useBrowser();

test('a key is asked for, sent as a header, and forgotten with the page', async () => {
  const page = await browser.open(`${stack.url}/ui/`);
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await expectNoViolations(page);
  await page.getByLabel('Function key', { exact: true }).fill('wrong');
  await page.getByRole('button', { name: 'Use this key' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.getByLabel('Function key', { exact: true }).fill(KEY);
  const request = page.waitForRequest((one) => one.headers()['x-functions-key'] === KEY);
  await page.getByRole('button', { name: 'Use this key' }).click();
  expect((await request).url()).not.toContain(KEY);
  await page.getByText('No migrations yet').waitFor();
  const kept = await page.evaluate(() =>
    JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie]),
  );
  expect(kept).not.toContain(KEY);
  await page.reload();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
});
