import { expect, test } from 'vitest';
import { BANK_SQL, startBankLoad } from '../e2e/support/bank.ts';
import { testMigration } from '../e2e/support/migrations.ts';
import { useTestSite } from '../e2e/support/testSite.ts';
import type { TestSite } from '../e2e/support/testSite.ts';
import { expectNoViolations } from './support/accessibility.ts';
import { useBrowser } from './support/browser.ts';
import { pageOf } from './support/seed.ts';
import { fillServer } from './support/wizard.ts';

let site: TestSite;

useTestSite((started) => {
  site = started;
});

const browser = useBrowser();

/** A step of the migration itself, on a machine that has other work too. */
const STEP_MS = 90_000;

/** All steps of a whole migration, where the machine is busy with others. */
const WALK_MS = 300_000;
const SECRET = 'never-kept-by-the-page';

test(
  'a person moves a database online, from the wizard to the cutover',
  { timeout: WALK_MS },
  async () => {
    const { source, target, stack } = site;
    await source.createDatabase('bank');
    await source.run(BANK_SQL, 'bank');
    await source.createDatabase('other');
    const load = startBankLoad(source, 'bank');
    const page = await browser.open(`${stack.url}/ui/`);
    await page.getByRole('link', { name: 'New migration' }).first().click();

    // Setup: rules as one types, and whether the name is free.
    const name = page.getByLabel('Migration name');
    await name.fill('-bank');
    await page.getByText('Do not begin with a hyphen.').waitFor();
    await name.fill('bank move');
    await page.getByText('Use letters, digits and hyphens only.').waitFor();
    expect(await page.getByRole('button', { name: 'Next: Source server' }).isDisabled()).toBe(true);
    await name.fill('bank-move');
    await page.getByRole('radio', { name: 'Online' }).check();
    await page.getByText('This name is free.').waitFor();
    await page.getByRole('button', { name: 'Next: Source server' }).click();

    // Source: nobody goes on with a server that cannot be reached.
    await page.getByRole('heading', { name: 'Source server', level: 2 }).waitFor();
    await fillServer(page, { host: '127.0.0.1', port: 1, user: 'postgres', password: SECRET });
    await page.getByRole('button', { name: 'Next: Target server' }).click();
    await page.getByText('The server cannot be used').waitFor();
    await expectNoViolations(page);
    await fillServer(page, {
      host: '127.0.0.1',
      port: source.port,
      user: 'postgres',
      password: SECRET,
    });
    await page.getByRole('button', { name: 'Test connection' }).click();
    await page.getByText('The connection works', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Next: Target server' }).click();

    await page.getByRole('heading', { name: 'Target server', level: 2 }).waitFor();
    await fillServer(page, {
      host: '127.0.0.1',
      port: target.port,
      user: 'postgres',
      password: SECRET,
    });
    await page.getByRole('button', { name: 'Next: Databases' }).click();

    // Databases: with their sizes, found by a search.
    await page.getByRole('checkbox', { name: /^other/ }).waitFor();
    await page.getByRole('searchbox', { name: 'Search databases' }).fill('BAN');
    await expect.poll(() => page.getByRole('checkbox').count()).toBe(2);
    await page.getByRole('checkbox', { name: /^bank .*B$/ }).check();
    await page.getByText(/^1 database chosen, [\d.]+ MB$/).waitFor();
    await expectNoViolations(page);
    await page.getByRole('button', { name: 'Next: Summary' }).click();

    await page.getByText('Online, validate and migrate').waitFor();
    await page.getByRole('checkbox', { name: /^Close the source at the cutover/ }).check();
    await expectNoViolations(page);
    await page.getByRole('button', { name: 'Start migration' }).click();

    // Details, until the target follows the source.
    await page.getByRole('heading', { name: 'bank-move', level: 1 }).waitFor();
    await page.getByText('Ready for the cutover').waitFor({ timeout: STEP_MS });
    await expectNoViolations(page);
    for (const [section, text] of [
      ['Tables', 'public.item'],
      ['Charts', 'WAL kept by the slot'],
      ['Validation', 'Database bank'],
      ['Events', 'Cutover ready'],
      ['Settings', 'Close the source at cutover'],
      ['Overview', 'Applied changes'],
    ] as const) {
      await page
        .getByRole('navigation', { name: 'Parts of the migration' })
        .getByRole('link', { name: section })
        .click();
      await page.getByText(text).first().waitFor();
      // The other sections are looked at with seeded rows, which are there at once.
      if (section === 'Charts') await expectNoViolations(page);
    }

    await page.getByRole('button', { name: 'Cutover' }).click();
    const dialog = page.getByRole('dialog', { name: 'Cut over to the target?' });
    await dialog.getByText(/Latency \d+ min \d+ s/).waitFor();
    await dialog.getByText('The source is closed').waitFor();
    await expectNoViolations(page);
    await dialog.getByRole('button', { name: 'Cut over 1 database' }).click();
    await page
      .locator('.title-line .badge', { hasText: 'Succeeded' })
      .waitFor({ timeout: STEP_MS });
    await load.stop();
    expect(await page.evaluate(() => JSON.stringify(Object.entries(localStorage)))).not.toContain(
      SECRET,
    );

    // Everything the load has committed is there.
    const client = await target.connect('bank');
    try {
      const { rows } = await client.query(
        'select sum(bal)::int as total from (select bal from acc_a union all select bal from acc_b) s',
      );
      expect(rows).toEqual([{ total: 100_000 }]);
    } finally {
      await client.end();
    }
    expect(load.committed).toBeGreaterThan(0);

    await page.goto(`${stack.url}/ui/`);
    await page.getByRole('row', { name: /bank-move Succeeded/ }).waitFor();
  },
);

test('an offline migration is validated only, and a taken name is told as one types', async () => {
  const { source, target, stack } = site;
  await source.createDatabase('shop');
  const page = await browser.open(`${stack.url}/ui/#/new`);
  await page.getByLabel('Migration name').fill('shop-check');
  await page.getByRole('radio', { name: 'Validate', exact: true }).check();
  await page.getByText('This name is free.').waitFor();
  await page.getByRole('button', { name: 'Next: Source server' }).click();
  await fillServer(page, { host: '127.0.0.1', port: source.port, user: 'postgres' });
  await page.getByRole('button', { name: 'Next: Target server' }).click();
  await page.getByRole('heading', { name: 'Target server', level: 2 }).waitFor();
  await fillServer(page, { host: '127.0.0.1', port: target.port, user: 'postgres' });
  await page.getByRole('button', { name: 'Next: Databases' }).click();
  await page.getByRole('checkbox', { name: /^shop/ }).check();
  await page.getByRole('button', { name: 'Next: Summary' }).click();
  await page.getByRole('button', { name: 'Start validation' }).click();
  await page.locator('.title-line .badge', { hasText: 'Succeeded' }).waitFor({ timeout: STEP_MS });
  await page.getByRole('link', { name: 'Validation' }).click();
  await page.getByText('Size and time to expect').waitFor();
  await page.goto(`${stack.url}/ui/#/new`);
  await page.getByLabel('Migration name').fill('shop-check');
  await page.getByText("There is a migration 'shop-check' for this server.").waitFor();
});

test(
  'the operator confirms, cancels, resumes and starts, each when the state allows it',
  { timeout: WALK_MS },
  async () => {
    const { source, target, stack } = site;
    await source.createDatabase('desk');
    await source.run(
      'create table note (id int primary key); insert into note values (1), (2)',
      'desk',
    );
    await target.createDatabase('desk');
    await target.run('create table in_the_way (id int)', 'desk');
    const migration = testMigration({
      ...site,
      databases: ['desk'],
      properties: { startDataMigration: 'False' },
    });
    await migration.put();
    const page = await browser.open(pageOf(stack, migration.url));
    const actions = page.locator('.action-bar, .notice-actions').getByRole('button');
    const confirm = async (button: string, confirmation: string) => {
      await page.getByRole('button', { name: button }).click({ timeout: STEP_MS });
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('button', { name: confirmation }).click();
      await dialog.waitFor({ state: 'detached' });
    };

    await page.getByText('A target database has objects in it').waitFor({ timeout: STEP_MS });
    expect(await actions.allInnerTexts()).toEqual(['Cancel migration', 'Confirm overwrite']);
    await expectNoViolations(page);
    await confirm('Confirm overwrite', 'Overwrite');
    await page.getByText('Ready to start').waitFor({ timeout: STEP_MS });
    await confirm('Cancel migration', 'Cancel it');
    await page.locator('.title-line .badge', { hasText: 'Canceled' }).waitFor({ timeout: STEP_MS });
    await confirm('Resume', 'Resume');
    await page.getByText('Ready to start').waitFor({ timeout: STEP_MS });
    await confirm('Start migration', 'Start now');
    await page
      .locator('.title-line .badge', { hasText: 'Succeeded' })
      .waitFor({ timeout: STEP_MS });
    expect(await actions.first().innerText()).toBe('Delete');
    await page.getByText('1 copied').waitFor();
  },
);
