import { expect, test } from 'vitest';
import { draftMigration } from '../../../shared/api/draft.ts';
import { parseBody } from '../../../shared/api/parseBody.ts';
import { MIGRATION_NAME } from '../../../shared/api/path.ts';
import { putBodySchema } from '../../../shared/api/schemas.ts';
import { parseMigrationId, migrationPath } from '../../../web/api/migrationId.ts';
import { newDraft, scopeOf, withoutSecrets } from '../../../web/pages/wizard/draft.ts';
import type { WizardDraft } from '../../../web/pages/wizard/draft.ts';
import { nameProblem, serverProblems, setupProblems } from '../../../web/pages/wizard/problems.ts';
import { addressOf, migrationProperties } from '../../../web/pages/wizard/requestBody.ts';
import { detailsHref, parseRoute } from '../../../web/routing.ts';

const NEW = newDraft(new Date('2026-03-01T08:05:00Z'));

const DRAFT: WizardDraft = {
  ...NEW,
  source: {
    ...NEW.source,
    host: '::1',
    port: '5433',
    user: 'reader',
    password: 'secret-of-the-source',
    tlsMode: 'verify-full',
    ca: ' -----BEGIN CERTIFICATE----- ',
    cert: '-----BEGIN CERTIFICATE-----',
    key: '-----BEGIN PRIVATE KEY----- secret-of-the-key',
  },
  target: {
    ...NEW.target,
    host: 'new.example.com',
    port: '5432',
    user: 'owner',
    password: 'secret-of-the-target',
    tlsMode: 'prefer',
    ca: '',
  },
  databases: ['shop', 'crm'],
};

test('the rules of the name are those of the service', () => {
  for (const name of ['a', 'A-1', '9', 'x'.repeat(63), 'migration--1', 'a-']) {
    expect([name, nameProblem(name)]).toEqual([name, undefined]);
    expect(name).toMatch(MIGRATION_NAME);
  }
  for (const name of ['', '-a', 'a b', 'a_b', 'ä', 'x'.repeat(64), 'a.b']) {
    expect([name, nameProblem(name)]).not.toEqual([name, undefined]);
    expect(name).not.toMatch(MIGRATION_NAME);
  }
});

test('a new draft is ready for the next step', () => {
  expect(DRAFT.name).toBe('migration-20260301-0805');
  expect(setupProblems(DRAFT)).toEqual({});
  expect(Object.keys(setupProblems({ ...DRAFT, server: 'a--b', subscription: 'x' }))).toEqual([
    'server',
    'subscription',
  ]);
});

test('a server needs a host where Azure does not know one, a port and a user', () => {
  const server = { ...DRAFT.source, host: '', port: '70000', user: '' };
  expect(Object.keys(serverProblems(server, true))).toEqual(['host', 'port', 'user']);
  expect(Object.keys(serverProblems(server, false))).toEqual(['port', 'user']);
  expect(serverProblems({ ...DRAFT.source, host: 'db:5432/x' }, true)).toHaveProperty('host');
});

test('the service takes the body as it was meant', () => {
  const { subscription, resourceGroup, server } = scopeOf(DRAFT);
  const path = {
    subscriptionId: subscription,
    resourceGroupName: resourceGroup,
    serverName: server,
  };
  const read = (draft: WizardDraft) => {
    const properties = migrationProperties(draft);
    const body = parseBody(putBodySchema, JSON.stringify({ location: 'local', properties }));
    return draftMigration(path, body as Parameters<typeof draftMigration>[1], { jobs: 4 });
  };
  const { spec, wanted, secrets } = read(DRAFT);
  expect(spec.source).toMatchObject({
    host: '::1',
    port: 5433,
    user: 'reader',
    tls: { mode: 'verify-full', ca: '-----BEGIN CERTIFICATE-----' },
  });
  expect(spec.target).toMatchObject({ host: 'new.example.com', port: 5432, user: 'owner' });
  expect(spec).toMatchObject({ mode: 'Offline', option: 'ValidateAndMigrate', verify: 'none' });
  expect(wanted).toMatchObject({ databases: ['shop', 'crm'], startDataMigration: true });
  expect(secrets).toEqual({
    sourcePassword: 'secret-of-the-source',
    targetPassword: 'secret-of-the-target',
    sourceTlsKey: '-----BEGIN PRIVATE KEY----- secret-of-the-key',
  });
  const online = read({ ...DRAFT, mode: 'Online', fenceSource: true, verify: 'hash' });
  expect(online.spec).toMatchObject({ mode: 'Online', fenceSource: true, verify: 'hash' });
  // A switch of online migrations that was left on does not spoil an offline one.
  expect(read({ ...DRAFT, fenceSource: true }).spec.fenceSource).toBe(false);
  const inAzure = read({ ...DRAFT, target: { ...DRAFT.target, host: '' } });
  expect(inAzure.spec.target.host).toBe('target.postgres.database.azure.com');
});

test('what is kept after the start has no password and no key', () => {
  expect(JSON.stringify(withoutSecrets(DRAFT))).not.toContain('secret-of');
});

test('addresses of IPv6 stand in brackets', () => {
  expect(addressOf({ host: '::1', port: '5432' })).toBe('[::1]:5432');
  expect(addressOf({ host: ' db ', port: '1' })).toBe('db:1');
});

test('an address of the page leads to the migration that it was made from', () => {
  const key = { subscription: 's', resourceGroup: 'a (b)', server: 'x', name: 'm-1' };
  expect(parseMigrationId(decodeURIComponent(migrationPath(key)))).toEqual(key);
  expect(parseRoute(detailsHref(key, 'tables', 'a/b #1'))).toEqual({
    page: 'details',
    key,
    section: 'tables',
    database: 'a/b #1',
  });
  expect(parseRoute('')).toEqual({ page: 'grid' });
  expect(parseRoute('#/')).toEqual({ page: 'grid' });
  expect(parseRoute('#/new')).toEqual({ page: 'wizard' });
  for (const hash of ['#/migration/s/g', '#/migration/s/g/x/m/nothing', '#/%E0%A4%A']) {
    expect(parseRoute(hash)).toEqual({ page: 'unknown' });
  }
});
