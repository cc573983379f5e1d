import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, test } from 'vitest';
import { BANK_SQL, startBankLoad } from '../e2e/support/bank.ts';
import type { BankLoad } from '../e2e/support/bank.ts';
import { testMigration } from '../e2e/support/migrations.ts';
import { useTestSite } from '../e2e/support/testSite.ts';
import type { TestSite } from '../e2e/support/testSite.ts';
import { useBrowser } from './support/browser.ts';
import {
  FAILED_VALIDATION,
  openSeed,
  pageOf,
  seededPage,
  seedMany,
  seedTables,
} from './support/seed.ts';
import { fillServer } from './support/wizard.ts';

/** Not part of the repository: .gitignore has it. */
const FOLDER = path.resolve(import.meta.dirname, '../../.pgmove/screenshots');

const LOOKS = [
  { name: 'light', colorScheme: 'light', width: 1280, height: 900 },
  { name: 'dark', colorScheme: 'dark', width: 1280, height: 900 },
  { name: 'phone', colorScheme: 'light', width: 390, height: 844 },
  { name: 'phone-dark', colorScheme: 'dark', width: 390, height: 844 },
] as const;

let site: TestSite;
let online = '';
let load: BankLoad;

useTestSite((started) => {
  site = started;
});

const browser = useBrowser();

beforeAll(async () => {
  await mkdir(FOLDER, { recursive: true });
  const seed = openSeed(site.stack);
  await seedMany(seed, 60);
  await seedTables(seed, 'orders-to-azure', 1_000);
  const spec = {
    ...(await seed.migration('template')).spec,
    option: 'ValidateAndMigrate' as const,
  };
  await seed.migration('crm-check', {
    spec: { ...spec, mode: 'Online' },
    status: { state: 'ValidationFailed', subState: 'Completed', error: 'The validation failed.' },
    validation: FAILED_VALIDATION,
  });
  await site.source.createDatabase('bank');
  await site.source.run(BANK_SQL, 'bank');
  load = startBankLoad(site.source, 'bank');
  const migration = testMigration({
    ...site,
    databases: ['bank'],
    properties: { migrationMode: 'Online', migrationOption: 'ValidateAndMigrate' },
  });
  await migration.put();
  await migration.waitForSubState('WaitingForCutoverTrigger');
  online = pageOf(site.stack, migration.url);
});

afterAll(() => load?.stop());

test.each(LOOKS)('$name', async ({ name, colorScheme, width, height }) => {
  const page = await browser.open(`${site.stack.url}/ui/`, {
    colorScheme,
    viewport: { width, height },
  });
  const shoot = async (what: string) => {
    await page.waitForLoadState('networkidle').catch(() => undefined);
    await page.screenshot({ path: path.join(FOLDER, `${what}-${name}.png`), fullPage: true });
  };
  const go = (address: string) => page.goto(address);

  await page.getByRole('table').waitFor();
  await page.screenshot({ path: path.join(FOLDER, `grid-${name}.png`) });
  await go(seededPage(site.stack, 'orders-to-azure'));
  await page.getByText('22P05').first().waitFor();
  await shoot('failed');
  await go(seededPage(site.stack, 'orders-to-azure', '/tables/shop'));
  await page.getByRole('table').waitFor();
  await page.screenshot({ path: path.join(FOLDER, `tables-${name}.png`) });
  await go(seededPage(site.stack, 'orders-to-azure', '/events'));
  await page.getByRole('listitem').first().waitFor();
  await shoot('events');
  await go(seededPage(site.stack, 'orders-to-azure', '/settings'));
  await shoot('settings');
  await go(seededPage(site.stack, 'crm-check'));
  await page.getByText('postgis').first().waitFor();
  await shoot('validation-failed');
  await go(seededPage(site.stack, 'crm-check', '/validation'));
  await page.getByRole('heading', { name: 'Findings' }).waitFor();
  await shoot('validation');
  await go(online);
  await page.getByText('Ready for the cutover').waitFor();
  await shoot('online');
  await go(`${online}/charts`);
  await page.getByRole('figure').first().waitFor();
  // Two looks make a line.
  await page.waitForResponse((response) => response.url().includes('/migrations/'));
  await page.waitForResponse((response) => response.url().includes('/migrations/'));
  await page.waitForResponse((response) => response.url().includes('/migrations/'));
  await shoot('charts');
  await page.getByRole('button', { name: 'Cutover', exact: true }).click();
  await page.getByRole('dialog').waitFor();
  await page.screenshot({ path: path.join(FOLDER, `cutover-${name}.png`) });
  await page.getByRole('button', { name: 'Not now' }).click();
  await shootWizard(page, shoot);
});

async function shootWizard(page: Page, shoot: (what: string) => Promise<void>): Promise<void> {
  await page.goto(`${site.stack.url}/ui/#/new`);
  await page.getByText('This name is free.').waitFor();
  await shoot('wizard-1-setup');
  await page.getByRole('button', { name: 'Next: Source server' }).click();
  await fillServer(page, { host: '127.0.0.1', port: 1, user: 'nobody' });
  await page.getByRole('button', { name: 'Test connection' }).click();
  await page.getByText('The server cannot be used').waitFor();
  await shoot('wizard-2-source');
  await page.getByText('Advanced: client certificate').click();
  await shoot('wizard-2-source-advanced');
  await fillServer(page, { host: '127.0.0.1', port: site.source.port, user: 'postgres' });
  await page.getByRole('button', { name: 'Next: Target server' }).click();
  await page.getByRole('heading', { name: 'Target server', level: 2 }).waitFor();
  await fillServer(page, { host: '127.0.0.1', port: site.target.port, user: 'postgres' });
  await page.getByRole('button', { name: 'Test connection' }).click();
  await page.getByText('The connection works').first().waitFor();
  await shoot('wizard-3-target');
  await page.getByRole('button', { name: 'Next: Databases' }).click();
  await page.getByRole('checkbox', { name: /bank/ }).check();
  await shoot('wizard-4-databases');
  await page.getByText('Advanced: names on the target').click();
  await page.getByLabel('Name of bank on the target').fill('bank_new');
  await page.getByLabel('Only these tables').fill('public.*\nledger.entry_20??');
  await page.getByLabel('Without these tables').fill('*_log');
  await page.getByLabel('Parallel jobs').fill('65');
  await shoot('wizard-4-databases-advanced');
  await page.getByLabel('Parallel jobs').fill('8');
  await page.getByRole('button', { name: 'Next: Summary' }).click();
  await page.getByRole('button', { name: 'Start migration' }).waitFor();
  await page.getByText('Advanced: what the validation looks at').click();
  await shoot('wizard-5-summary');
}
