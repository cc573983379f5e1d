import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestStack } from '../e2e/support/testStack.ts';
import type { TestStack } from '../e2e/support/testStack.ts';
import { sampleMigration } from '../state/fixtures.ts';
import { expectNoOverflow, expectNoViolations } from './support/accessibility.ts';
import { useBrowser } from './support/browser.ts';
import { FAILED_VALIDATION, openSeed, seededPage, seedMany, seedTables } from './support/seed.ts';

const MANY_MIGRATIONS = 500;
const MANY_TABLES = 10_000;
const PHONE = { viewport: { width: 390, height: 844 } };

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack();
  const seed = openSeed(stack);
  await Promise.all([
    seedMany(seed, MANY_MIGRATIONS),
    seedTables(seed, 'orders-to-azure', MANY_TABLES),
  ]);
  const { spec } = sampleMigration();
  await seed.migration('crm-check', {
    spec: { ...spec, option: 'ValidateAndMigrate', mode: 'Online' },
    status: { state: 'ValidationFailed', subState: 'Completed', error: 'The validation failed.' },
    validation: FAILED_VALIDATION,
  });
  // 100 transactions of the storage, which may have others to serve.
}, 300_000);

afterAll(() => stack?.[Symbol.asyncDispose]());

const browser = useBrowser();
const openGrid = (options = {}) => browser.open(`${stack.url}/ui/`, options);

test('the grid has the columns of the portal, newest first, and draws a page of 500 migrations', async () => {
  const page = await openGrid();
  await page.getByText(`1–50 of ${MANY_MIGRATIONS + 2} migrations`).waitFor();
  expect(await page.getByRole('columnheader').allInnerTexts()).toEqual([
    'Name',
    'Status',
    'Migration type',
    'Migration mode',
    'Source server',
    'Source server type',
    'Databases',
    'Start time',
    'Duration',
  ]);
  const names = await page.getByRole('rowheader').allInnerTexts();
  expect(names).toHaveLength(50);
  expect(names[2]).toBe('many-0499');
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByText('51–100 of').waitFor();
  expect(await page.getByRole('rowheader').count()).toBe(50);
});

test('the grid is searched by words and filtered by status and mode', async () => {
  const page = await openGrid();
  await page.getByRole('searchbox', { name: 'Search migrations' }).fill('MANY shop_42');
  await expect.poll(() => page.getByRole('rowheader').count()).toBe(11);
  await page.getByRole('button', { name: /^Failed/ }).click();
  await expect
    .poll(() => page.getByRole('rowheader').allInnerTexts())
    .toEqual(['many-0429', 'many-0427', 'many-0424', 'many-0422', 'many-0042'].filter(isFailed));
  await page.getByLabel('Mode').selectOption('Online');
  await page.getByText('No migration fits the filter').waitFor();
  await page.getByRole('button', { name: 'Show all' }).click();
  await expect.poll(() => page.getByRole('rowheader').count()).toBe(50);
});

/** As the seed gives out the states. */
function isFailed(name: string): boolean {
  return [2, 4].includes(Number(name.slice(-4)) % 5);
}

test('what failed and what to do is one click from the grid', async () => {
  const page = await openGrid();
  await page.getByRole('link', { name: 'orders-to-azure' }).click();
  await page.getByText('public.order_lines_00001', { exact: true }).waitFor();
  await page.getByText('Make the target database with the encoding UTF8.').first().waitFor();
  await page.getByRole('button', { name: 'Resume' }).waitFor();
  await page.goto(`${stack.url}/ui/`);
  await page.getByRole('link', { name: 'crm-check' }).click();
  await page.getByText('create extension postgis;').waitFor();
});

test('a database of 10,000 tables is shown in pages, those that failed first', async () => {
  const page = await browser.open(seededPage(stack, 'orders-to-azure', '/tables/shop'));
  await page.getByText('1–100 of 10,000 tables').waitFor();
  expect(await page.getByRole('rowheader').count()).toBe(100);
  const states = await page.locator('td.cell-state .badge').allInnerTexts();
  expect(states.slice(0, 4)).toEqual(['Failed', 'Failed', 'Failed', 'Copied']);
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByText('101–200 of 10,000 tables').waitFor();
  expect(await page.getByRole('rowheader').count()).toBe(100);
  await page.getByRole('button', { name: 'Previous' }).click();
  await page.getByText('1–100 of 10,000 tables').waitFor();
  await page.getByLabel('State').selectOption('failed');
  await page.getByText('3 tables', { exact: true }).waitFor();
  expect(await page.getByRole('rowheader').count()).toBe(3);
});

test('axe finds nothing on any page, in both themes, and nothing sticks out, wide or on a phone', async () => {
  const page = await openGrid();
  const phone = await openGrid(PHONE);
  // A few rows say as much as a full page, and axe looks at every one of them.
  for (const one of [page, phone]) {
    await one.getByRole('searchbox').fill('many-000');
    await expect.poll(() => one.getByRole('rowheader').count()).toBe(10);
  }
  await expectNoViolations(page);
  await expectNoViolations(phone);
  await expectNoOverflow(phone);
  await expectNoOverflow(page);
  const places: [string, string][] = [
    [seededPage(stack, 'orders-to-azure'), 'Database shop failed'],
    [seededPage(stack, 'orders-to-azure', '/tables/crm'), '5 tables'],
    [seededPage(stack, 'orders-to-azure', '/charts/shop'), 'Charts of shop'],
    [seededPage(stack, 'orders-to-azure', '/events'), 'Migration state changed'],
    [seededPage(stack, 'orders-to-azure', '/settings'), 'Parallel jobs'],
    [seededPage(stack, 'crm-check'), 'create extension postgis;'],
    [seededPage(stack, 'crm-check', '/validation'), 'Database shop'],
    [seededPage(stack, 'nobody'), 'There is no such migration'],
    [`${stack.url}/ui/#/new`, 'This name is free.'],
    [`${stack.url}/ui/#/nowhere`, 'There is no such page'],
  ];
  for (const [address, text] of places) {
    for (const one of [page, phone]) {
      await one.goto(address);
      await one.getByText(text).first().waitFor();
    }
    await expectNoViolations(page);
    await expectNoOverflow(page);
    await expectNoOverflow(phone);
  }
});

test('a dialog holds the focus, closes with Escape and gives the focus back', async () => {
  const page = await browser.open(seededPage(stack, 'orders-to-azure'));
  const opener = page.getByRole('button', { name: 'Delete' });
  await opener.click();
  const dialog = page.getByRole('dialog', { name: 'Delete this migration?' });
  await dialog.waitFor();
  await expectNoViolations(page);
  expect(await dialog.getByRole('button', { name: 'Delete' }).isDisabled()).toBe(true);
  for (let press = 0; press < 6; press += 1) {
    await page.keyboard.press('Tab');
    const isOutside = await page.evaluate(
      () =>
        document.activeElement !== document.body &&
        document.activeElement?.closest('dialog') === null,
    );
    expect(isOutside).toBe(false);
  }
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  expect(await opener.evaluate((element) => element === document.activeElement)).toBe(true);
});

test('a migration that has ended is deleted after a question', async () => {
  await openSeed(stack).migration('to-be-deleted');
  const page = await browser.open(seededPage(stack, 'to-be-deleted'));
  await page.getByRole('button', { name: 'Delete' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('checkbox').check();
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('heading', { name: 'Migrations', level: 1 }).waitFor();
  await page.getByRole('searchbox').fill('to-be-deleted');
  await page.getByText('No migration fits the filter').waitFor();
});

test('a page that nobody sees asks nothing, and asks at once when it is seen again', async () => {
  const page = await openGrid();
  await page.getByRole('table').waitFor();
  const isList = (url: string) => url.includes('/providers/Microsoft.DBforPostgreSQL/migrations');
  let asked = 0;
  page.on('request', (request) => {
    if (isList(request.url())) asked += 1;
  });
  const hide = (isHidden: boolean) =>
    page.evaluate((value) => {
      Object.defineProperty(document, 'hidden', { value, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, isHidden);
  await page.clock.install();
  await page.reload();
  await page.getByRole('table').waitFor();
  await hide(true);
  asked = 0;
  await page.clock.runFor(60_000);
  expect(asked).toBe(0);
  const answer = page.waitForResponse((response) => isList(response.url()));
  await hide(false);
  // Nothing has changed: the service says so, and sends nothing.
  expect((await answer).status()).toBe(304);
});

test('the theme follows the system until one is chosen, and that is kept', async () => {
  const page = await openGrid({ colorScheme: 'dark' });
  const background = () =>
    page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await page.getByRole('table').waitFor();
  const dark = await background();
  await page.getByRole('button', { name: 'Theme: as the system' }).click();
  await page.getByRole('button', { name: 'Theme: light' }).waitFor();
  const light = await background();
  expect(light).not.toBe(dark);
  await page.reload();
  await page.getByRole('table').waitFor();
  expect(await background()).toBe(light);
});

test('the report is saved as a file', async () => {
  const page = await browser.open(seededPage(stack, 'orders-to-azure'));
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Markdown' }).click();
  expect((await download).suggestedFilename()).toBe('orders-to-azure-report.md');
});
