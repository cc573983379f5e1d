import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { connect } from '../../shared/pg/connect.ts';
import { hasOpenssl, makeAuthority } from '../e2e/support/certificates.ts';
import { testMigration } from '../e2e/support/migrations.ts';
import { useTestSite } from '../e2e/support/testSite.ts';
import type { TestSite } from '../e2e/support/testSite.ts';
import { OUTSIDE_URL } from '../e2e/support/testStack.ts';
import { waitFor } from '../e2e/support/waitFor.ts';
import { expectNoOverflow, expectNoViolations } from './support/accessibility.ts';
import { useBrowser } from './support/browser.ts';
import { pageOf } from './support/seed.ts';
import { fillServer } from './support/wizard.ts';

let site: TestSite;

useTestSite(
  (started) => {
    site = started;
  },
  {
    source: {
      // Until a migration asks for more.
      settings: { wal_level: 'replica' },
      hbaLines: ['hostnossl all mover all reject', 'hostssl all mover all cert'],
    },
  },
);

const browser = useBrowser();

/** A step of the migration itself, on a machine that has other work too. */
const STEP_MS = 90_000;
const WALK_MS = 300_000;

async function rowsOf(database: string, sql: string): Promise<unknown[]> {
  const client = await site.target.connect(database);
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows.flatMap(Object.values);
  } finally {
    await client.end();
  }
}

async function toSourceStep(page: Page, name: string): Promise<void> {
  await page.getByLabel('Migration name').fill(name);
  await page.getByText('This name is free.').waitFor();
  await page.getByRole('button', { name: 'Next: Source server' }).click();
  await page.getByRole('heading', { name: 'Source server', level: 2 }).waitFor();
}

test(
  'some tables of a database go to another name, with as many jobs as asked for',
  { timeout: WALK_MS },
  async () => {
    const { source, target, stack } = site;
    await source.createDatabase('crm');
    await source.run(
      `create table customer (id int primary key, name text);
       insert into customer values (1, 'a'), (2, 'b'), (3, 'c');
       create table customer_log (id int primary key);
       create schema app;
       create table app.orders (id int primary key);
       insert into app.orders values (10), (20);
       create table app.order_audit (id int primary key);`,
      'crm',
    );
    const page = await browser.open(`${stack.url}/ui/#/new`);
    const step = (name: RegExp) =>
      page.getByRole('navigation', { name: 'Steps of the wizard' }).getByRole('button', { name });

    // One that is there carries it in the end; a service elsewhere is not given any.
    const registered = OUTSIDE_URL === undefined ? 'Site-B' : '';
    if (registered !== '') await stack.startGroup(registered);

    // A worker group that nobody has: only the service can tell, when all is filled in.
    await page.getByText('Advanced: worker group').click();
    const group = page.getByLabel('Worker group');
    await group.fill('nowhere');
    await expectNoViolations(page);
    await toSourceStep(page, 'crm-move');

    // A token is for Azure: the service's answer stands at the field, until that is changed.
    await fillServer(page, { host: '127.0.0.1', port: source.port, user: 'postgres' });
    await page.getByLabel('Login').selectOption('Entra');
    expect(await page.getByLabel('TLS mode').inputValue()).toBe('verify-full');
    expect(await page.getByLabel('Password', { exact: true }).count()).toBe(0);
    await page.getByRole('button', { name: 'Test connection' }).click();
    const login = page.locator('.field-wrong', { has: page.getByLabel('Login') });
    await login.getByText(/can be Entra only for a server in Azure/).waitFor();
    await expectNoViolations(page);
    await page.getByLabel('Login').selectOption('Password');
    await login.waitFor({ state: 'detached' });
    await page.getByLabel('TLS mode').selectOption('prefer');
    // It was not kept while there was no use for it.
    expect(await page.getByLabel('Password', { exact: true }).inputValue()).toBe('');
    await page.getByText('Advanced: client certificate, session options').click();
    await page.getByLabel('Session options').fill('-c work_mem=8MB');
    await page.getByRole('button', { name: 'Next: Target server' }).click();
    await page.getByRole('heading', { name: 'Target server', level: 2 }).waitFor();
    await page.getByText(/not from the worker group nowhere/).waitFor();
    await fillServer(page, { host: '127.0.0.1', port: target.port, user: 'postgres' });
    await page.getByRole('button', { name: 'Next: Databases' }).click();

    await page.getByRole('checkbox', { name: /^crm/ }).check();
    await page.getByText('Advanced: names on the target').click();
    await page.getByLabel('Name of crm on the target').fill('crm_new');
    await page.getByLabel('Only these tables').fill('public.*\napp.order?\n');
    await page.getByLabel('Without these tables').fill('*_log');
    const jobs = page.getByLabel('Parallel jobs');
    const next = page.getByRole('button', { name: 'Next: Summary' });
    await jobs.fill('65');
    await page.getByText('Use a whole number from 1 to 64.').waitFor();
    expect(await next.isDisabled()).toBe(true);
    await expectNoViolations(page);
    await jobs.fill('3');
    await next.click();

    // The review has all of it; what is refused leads to its field, and nothing is lost on the way.
    const summary = page.locator('.summary');
    await summary.getByText('crm → crm_new').waitFor();
    expect(await summary.locator('dd > span').allInnerTexts()).toEqual([
      'crm-move',
      'Offline, validate and migrate',
      'nowhere',
      `postgres at 127.0.0.1:${source.port}, TLS prefer, options -c work_mem=8MB (On premises)`,
      `postgres at 127.0.0.1:${target.port}, TLS prefer`,
      'crm → crm_new',
      'Only public.*, app.order?, without *_log',
      '3',
    ]);
    await page.getByRole('button', { name: 'Start migration' }).click();
    await page.getByRole('alert').getByText("There is no worker group 'nowhere'.").waitFor();
    await expectNoViolations(page);
    await page.getByRole('button', { name: 'Setup: Worker group' }).click();
    await page.getByText("There is no worker group 'nowhere'.").waitFor();
    expect(await group.getAttribute('aria-invalid')).toBe('true');
    expect(await group.evaluate((field) => field === document.activeElement)).toBe(true);
    await group.fill(registered);
    await page.getByText("There is no worker group 'nowhere'.").waitFor({ state: 'detached' });
    await step(/Source server/).click();
    expect(await page.getByLabel('Session options').inputValue()).toBe('-c work_mem=8MB');
    await step(/Databases/).click();
    expect(await page.getByLabel('Name of crm on the target').inputValue()).toBe('crm_new');
    expect(await page.getByLabel('Only these tables').inputValue()).toBe('public.*\napp.order?\n');
    // What is spoiled on the way is no default: nothing starts.
    await jobs.fill('many');
    await step(/Summary/).click();
    await page.getByText('This has to be put right first').waitFor();
    expect(await page.getByRole('button', { name: 'Start migration' }).isDisabled()).toBe(true);
    await expectNoViolations(page);
    await page.getByRole('button', { name: 'Databases: Parallel jobs' }).click();
    await jobs.fill('3');
    await step(/Summary/).click();
    await page.getByRole('button', { name: 'Start migration' }).click();
    await page
      .locator('.title-line .badge', { hasText: 'Succeeded' })
      .waitFor({ timeout: STEP_MS });

    // The target has what was asked for, and nothing else.
    expect(
      await rowsOf(
        'postgres',
        "select datname from pg_database where datname like 'crm%' order by 1",
      ),
    ).toEqual(['crm_new']);
    expect(
      await rowsOf(
        'crm_new',
        `select schemaname || '.' || tablename from pg_tables
         where schemaname not in ('pg_catalog', 'information_schema') order by 1`,
      ),
    ).toEqual(['app.orders', 'public.customer']);
    expect(await rowsOf('crm_new', 'select name from customer order by id')).toEqual([
      'a',
      'b',
      'c',
    ]);
    expect(await rowsOf('crm_new', 'select id from app.orders order by id')).toEqual([10, 20]);
    await page.getByRole('link', { name: 'Settings' }).click();
    const settings = page.locator('.settings');
    await settings.getByText('crm → crm_new').waitFor();
    const setting = (name: string) =>
      settings.locator('div', { has: page.getByText(name, { exact: true }) }).locator('dd');
    expect(await setting('Parallel jobs').innerText()).toBe('3');
    if (registered !== '') expect(await setting('Worker group').innerText()).toBe(registered);
    expect(await setting('Only tables').innerText()).toBe('public.*, app.order?');
    expect(await setting('Without tables').innerText()).toBe('*_log');
    await expectNoViolations(page);
  },
);

test.skipIf(!hasOpenssl)(
  'a client certificate opens the source, and the page forgets its key',
  { timeout: WALK_MS },
  async () => {
    await using authority = await makeAuthority();
    const { source, stack } = site;
    await source.run('create role mover login superuser');
    await authority.secure(source);
    const { cert, key } = await authority.clientCertificate('mover');
    const tls = { mode: 'verify-full', ca: authority.certificate, cert, key } as const;
    // A reload is noticed by the postmaster when it comes to it.
    await waitFor('TLS', async () => {
      const endpoint = { host: '127.0.0.1', port: source.port, user: 'mover', tls };
      try {
        const options = { applicationName: 'pgmove/test/web' };
        await using session = await connect({ ...endpoint, database: 'postgres' }, options);
        return session.serverVersion > 0 ? true : undefined;
      } catch {
        return undefined;
      }
    });
    const page = await browser.open(`${stack.url}/ui/#/new`);
    await toSourceStep(page, 'by-certificate');
    await fillServer(page, { host: '127.0.0.1', port: source.port, user: 'mover' });
    await page.getByLabel('TLS mode').selectOption('verify-full');
    await page.getByLabel(/^Certificate authorities/).fill(authority.certificate);
    const test = page.getByRole('button', { name: 'Test connection' });
    await test.click();
    await page.getByText('The server cannot be used').waitFor();

    await page.getByText('Advanced: client certificate').click();
    const choose = async (what: string, name: string, text: string) => {
      const opening = page.waitForEvent('filechooser');
      await page.getByRole('button', { name: `Read ${what} from a file` }).click();
      const file = { name, mimeType: 'application/x-pem-file', buffer: Buffer.from(text) };
      await (await opening).setFiles(file);
    };
    await choose('client certificate (pem)', 'mover.crt', cert);
    await test.click();
    await page.getByText('Add the key of the certificate.').waitFor();
    await choose('key of the client certificate (pem)', 'mover.key', 'no key at all');
    await page.getByText('Give PEM text: it begins with -----BEGIN PRIVATE KEY-----.').waitFor();
    await expectNoViolations(page);
    const keyField = page.getByLabel('Key of the client certificate (PEM)', { exact: true });
    await keyField.fill(key);
    await test.click();
    await page.getByText(/TLSv1\.\d, as mover/).waitFor();
    await expectNoViolations(page);

    // It is neither shown nor stored, and goes with the wizard.
    const lookOf = () =>
      keyField.evaluate((field) =>
        getComputedStyle(field).getPropertyValue('-webkit-text-security'),
      );
    expect(await lookOf()).toBe('disc');
    await page.getByRole('button', { name: 'Show key of the client certificate (pem)' }).click();
    expect(await lookOf()).toBe('none');
    const kept = await page.evaluate(async () =>
      JSON.stringify([
        location.href,
        history.state,
        document.cookie,
        Object.entries(localStorage),
        Object.entries(sessionStorage),
        await indexedDB.databases(),
        await caches.keys(),
      ]),
    );
    expect(kept).toContain('#/new');
    expect(kept).not.toContain('PRIVATE KEY');
    expect(await page.evaluate(() => document.documentElement.outerHTML)).not.toContain(
      'PRIVATE KEY-----\n',
    );
    await page.getByRole('button', { name: 'Next: Target server' }).click();
    await page.getByRole('heading', { name: 'Target server', level: 2 }).waitFor();
    await page.getByRole('button', { name: 'Back' }).click();
    expect(await keyField.inputValue()).toBe(key);
    // What cannot be encrypted needs no key, and the page does not keep it for later.
    await page.getByLabel('TLS mode').selectOption('disable');
    await page.getByText('A client certificate needs a connection that is encrypted.').waitFor();
    await page.getByLabel('TLS mode').selectOption('verify-full');
    expect(await keyField.inputValue()).toBe('');
    await page.goto(`${stack.url}/ui/#/`);
    await page.getByRole('link', { name: 'New migration' }).first().click();
    await toSourceStep(page, 'by-certificate');
    await page.getByText('Advanced: client certificate').click();
    const first = page.getByLabel('Client certificate (PEM)', { exact: true });
    expect(await first.inputValue()).toBe('');
  },
);

test('databases of a source that cannot be listed are named by hand', async () => {
  const { target, stack } = site;
  const page = await browser.open(`${stack.url}/ui/#/new`, {
    viewport: { width: 390, height: 800 },
  });
  await toSourceStep(page, 'by-hand');
  await fillServer(page, { host: '127.0.0.1', port: 1, user: 'postgres' });
  await page.getByRole('button', { name: 'Test connection' }).click();
  await page.getByRole('button', { name: 'Continue anyway' }).click();
  await page.getByRole('heading', { name: 'Target server', level: 2 }).waitFor();
  await fillServer(page, { host: '127.0.0.1', port: target.port, user: 'postgres' });
  await page.getByRole('button', { name: 'Next: Databases' }).click();
  await page.getByText('The databases cannot be listed').waitFor();
  await page.getByLabel(/^Or name the databases/).fill('shop\n\n crm\nshop');
  await page.getByText('2 databases chosen').waitFor();
  await page.getByText('Advanced: names on the target').click();
  await page.getByLabel('Name of shop on the target').fill('crm');
  await page.getByText('shop gets this name as well.').waitFor();
  expect(await page.getByRole('button', { name: 'Next: Summary' }).isDisabled()).toBe(true);
  await expectNoViolations(page);
  await expectNoOverflow(page);
  await page.getByLabel('Name of shop on the target').fill('shop_2');
  await page.getByRole('button', { name: 'Next: Summary' }).click();
  await page.getByText('shop → shop_2, crm').waitFor();
  await page.getByText('Advanced: what the validation looks at').click();
  await page.getByLabel("Size of the target's disk in megabytes").fill('0');
  await page.locator('.field-error', { hasText: 'Use a whole number of megabytes.' }).waitFor();
  await page.getByText('This has to be put right first').waitFor();
  await expectNoViolations(page);
  await expectNoOverflow(page);
});

test(
  'replication is set up, databases are named, cut over and canceled, each from the page',
  { timeout: WALK_MS },
  async () => {
    const { source, stack } = site;
    for (const name of ['east', 'north', 'west']) {
      await source.createDatabase(name);
      await source.run('create table note (id int primary key); insert into note values (1)', name);
    }
    const migration = testMigration({ ...site, properties: { migrationMode: 'Online' } });
    await migration.put();
    const page = await browser.open(pageOf(stack, migration.url));
    const dialog = page.getByRole('dialog');
    const row = (database: string, state: string) =>
      page.getByRole('row', { name: new RegExp(`${database}.*${state}`) });

    // Nobody has said what is to be migrated.
    await page.getByText('No database is named', { exact: true }).waitFor({ timeout: STEP_MS });
    await page.getByRole('button', { name: 'Name databases' }).click();
    const confirm = dialog.getByRole('button', { name: 'Migrate these' });
    expect(await confirm.isDisabled()).toBe(true);
    await dialog
      .getByLabel('Databases of the source, one on each line')
      .fill('east\n\nnorth\nwest\n');
    await expectNoViolations(page);
    await confirm.click();
    await dialog.waitFor({ state: 'detached' });

    // The source does not replicate; what is set holds after its restart.
    await page
      .getByText('The source is not set up for logical replication')
      .waitFor({ timeout: STEP_MS });
    await page.getByRole('button', { name: 'Set up replication' }).click();
    await dialog.getByText('The source has to be restarted').waitFor();
    await expectNoViolations(page);
    await dialog.getByRole('button', { name: 'Set up replication' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByText('Restart the source').waitFor({ timeout: STEP_MS });
    await waitFor('the new wal_level', async () => {
      const settings = await readFile(path.join(source.dataFolder, 'postgresql.auto.conf'), 'utf8');
      return /^wal_level = 'logical'$/m.test(settings) ? true : undefined;
    });
    await source.halt();
    await source.start();
    for (const name of ['east', 'north', 'west']) {
      await row(name, 'Waiting for cutover').waitFor({ timeout: STEP_MS });
    }
    await source.run('insert into note values (2)', 'east');

    // One is cut over and one is canceled; the third goes on meanwhile.
    await page.getByRole('button', { name: 'Cutover', exact: true }).click();
    await dialog.getByRole('checkbox', { name: /^north/ }).uncheck();
    await dialog.getByRole('checkbox', { name: /^west/ }).uncheck();
    await dialog.getByRole('button', { name: 'Cut over 1 database' }).click();
    await row('east', 'Succeeded').waitFor({ timeout: STEP_MS });
    expect(await rowsOf('east', 'select id from note order by id')).toEqual([1, 2]);
    await page.getByRole('button', { name: 'Cancel migration' }).click();
    await expect.poll(() => dialog.getByRole('checkbox').count()).toBe(2);
    await dialog.getByRole('checkbox', { name: 'north' }).uncheck();
    await expectNoViolations(page);
    await dialog.getByRole('button', { name: 'Cancel 1 database' }).click();
    await row('west', 'Canceled').waitFor({ timeout: STEP_MS });
    const { dbDetails } = (await migration.get()).properties.currentStatus.currentSubStateDetails;
    expect(dbDetails?.['north']?.migrationState).toBe('WaitingForCutoverTrigger');

    // A cutover of the only one that is left needs no list.
    await page.getByRole('button', { name: 'Cutover', exact: true }).click();
    await expect.poll(() => dialog.getByRole('checkbox').count()).toBe(1);
    await dialog.getByRole('button', { name: 'Cut over 1 database' }).click();
    await row('north', 'Succeeded').waitFor({ timeout: STEP_MS });
    expect(await rowsOf('north', 'select id from note')).toEqual([1]);
  },
);
