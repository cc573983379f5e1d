import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { describeApiError } from '../../cli/apiClient.ts';
import { pairDatabases, planMigrate } from '../../cli/migrate/plan.ts';
import { migrationBody, migrationNameFor, serverNameOf } from '../../cli/migrate/requestBody.ts';
import { wantedProperties } from '../../cli/migration/actions.ts';
import type { CommonOptions } from '../../cli/migration/command.ts';
import { resolveNames, resolveNewNames } from '../../cli/migration/names.ts';
import { readPropertiesFile } from '../../cli/migration/propertiesFile.ts';
import { parseBody } from '../../shared/api/parseBody.ts';
import { putBodySchema } from '../../shared/api/schemas.ts';

const ENVIRONMENT = { HOME: '/nonexistent', PGDATABASE: 'from_environment' };
const BASE: CommonOptions = { subscription: 's', resourceGroup: 'g', output: 'json' };

function options(more: object = {}) {
  return {
    source: 'postgresql://reader:p%40ss@old.example:6432/shop?sslmode=disable',
    target: 'postgresql://writer:secret@new.example/shop?sslmode=require',
    verify: 'hash' as const,
    ...more,
  };
}

test('a single database takes the name in --target, several keep their own', async () => {
  const plan = await planMigrate(
    options({ target: 'postgresql://w@new.example/store' }),
    ENVIRONMENT,
  );
  expect(pairDatabases(plan, ['shop'])).toEqual([{ source: 'shop', target: 'store' }]);
  expect(pairDatabases(plan, ['a', 'b']).map(({ target }) => target)).toEqual(['a', 'b']);
});

test('PGDATABASE names the source database and renames nothing', async () => {
  const plan = await planMigrate(
    options({ source: 'postgresql://r@old.example', target: 'postgresql://w@new.example' }),
    ENVIRONMENT,
  );
  expect(plan.databases).toEqual(['from_environment']);
  expect(pairDatabases(plan, plan.databases ?? [])).toEqual([
    { source: 'from_environment', target: 'from_environment' },
  ]);
});

test('a wrong URI is a usage error that names its option and not the password', async () => {
  const broken = planMigrate(options({ target: 'postgresql://u:p@ss@h/db' }), ENVIRONMENT);
  await expect(broken).rejects.toMatchObject({ exitCode: 2 });
  await expect(broken).rejects.toThrow(/^--target: /);
  await expect(broken).rejects.not.toThrow(/p@ss/);
});

test('the PUT body is one that the API takes', async () => {
  const plan = await planMigrate(options({ include: ['sales.*'], jobs: 3 }), ENVIRONMENT);
  const body = await migrationBody(
    options({ include: ['sales.*'], jobs: 3 }),
    plan.source,
    plan.target,
    [{ source: 'shop', target: 'store' }],
  );
  const { properties } = parseBody(putBodySchema, JSON.stringify(body));
  expect(properties).toMatchObject({
    sourceDbServerResourceId: 'old.example:6432@reader',
    targetDbServerFullyQualifiedDomainName: 'new.example:5432',
    targetDbNames: { shop: 'store' },
    includeTables: ['sales.*'],
    jobs: 3,
    sourceTls: { mode: 'disable' },
    targetTls: { mode: 'require' },
    secretParameters: { adminCredentials: { sourceServerPassword: 'p@ss' } },
  });
});

test('server and migration names are ones that the API takes', () => {
  const at = (host: string) =>
    serverNameOf({ host, port: 5432, user: 'u', database: 'd', tls: { mode: 'prefer' } });
  expect(at('127.0.0.1')).toBe('127-0-0-1-5432');
  expect(at('::1')).toBe('1-5432');
  expect(at('a'.repeat(100))).toHaveLength(63);
  const now = new Date('2025-01-31T09:45:12Z');
  expect(migrationNameFor([{ source: 'Größe 日本', target: 'x' }], now)).toMatch(
    /^gr-e-20250131-094512-[0-9a-f]{4}$/,
  );
  expect(migrationNameFor([{ source: '日本', target: 'x' }], now)).toMatch(/^migration-2025/);
});

test('both forms of the names of the Azure CLI mean the same', () => {
  const expected = { server: 'srv', migration: 'mig' };
  expect(resolveNames({ ...BASE, name: 'srv', migrationName: 'mig' })).toEqual(expected);
  expect(resolveNames({ ...BASE, serverName: 'srv', name: 'mig' })).toEqual(expected);
  expect(() => resolveNames({ ...BASE, name: 'srv' })).toThrow(/Which migration/);
  expect(() => resolveNames({ ...BASE, serverName: 's', name: 'a', migrationName: 'b' })).toThrow(
    /leave/,
  );
  expect(resolveNewNames({ ...BASE, name: 'srv' }).migration).toMatch(/^[0-9a-f-]{36}$/);
});

test('update takes exactly one wish', () => {
  expect(wantedProperties({ ...BASE, cutover: true, dbNames: ['a'] })).toEqual({
    triggerCutover: 'True',
    dbsToTriggerCutoverOn: ['a'],
  });
  expect(wantedProperties({ ...BASE, dbNames: ['a', 'b'] })).toEqual({ dbsToMigrate: ['a', 'b'] });
  expect(() => wantedProperties({ ...BASE, cutover: true, cancel: true })).toThrow(/only one/);
  expect(() => wantedProperties({ ...BASE })).toThrow(/Give one of/);
});

test('databases of a cutover may be named one by one', () => {
  expect(wantedProperties({ ...BASE, cutover: true, database: ['a', 'b'] })).toEqual({
    triggerCutover: 'True',
    dbsToTriggerCutoverOn: ['a', 'b'],
  });
  expect(wantedProperties({ ...BASE, cancel: true, database: ['b'], dbNames: ['a', 'b'] })).toEqual(
    {
      cancel: 'True',
      dbsToCancelMigrationOn: ['a', 'b'],
    },
  );
  expect(() => wantedProperties({ ...BASE, setupReplication: true, database: ['a'] })).toThrow(
    /--cutover or --cancel/,
  );
});

test('the properties file is read without case, and its booleans as the Azure CLI does', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'pgmove-test-'));
  try {
    const file = path.join(folder, 'properties.json');
    await writeFile(
      file,
      JSON.stringify({
        Properties: {
          SOURCEDBSERVERRESOURCEID: 'h:5432@u',
          DBsToMigrate: ['a'],
          overwritedbsintarget: 'true',
          MigrationRuntimeResourceId: '/x',
          targetDbNames: { DBsToMigrate: 'kept as it is' },
          SecretParameters: {
            AdminCredentials: { SourceServerPassword: 'x' },
            sourceServerUserName: 'u',
          },
          unknown: 1,
        },
      }),
    );
    expect(await readPropertiesFile(file)).toEqual({
      sourceDbServerResourceId: 'h:5432@u',
      dbsToMigrate: ['a'],
      overwriteDbsInTarget: 'True',
      migrationInstanceResourceId: '/x',
      targetDbNames: { DBsToMigrate: 'kept as it is' },
      secretParameters: {
        adminCredentials: { sourceServerPassword: 'x' },
        sourceServerUsername: 'u',
      },
      unknown: 1,
    });
    await writeFile(file, '{"properties": {"password": "hunter2" oops}}');
    await expect(readPropertiesFile(file)).rejects.toThrow(/no valid JSON/);
    await expect(readPropertiesFile(file)).rejects.not.toThrow(/hunter2/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('an ARM error is shown with message, target and code', () => {
  const text = describeApiError(
    {
      code: 'InvalidParameterValue',
      message: 'Wrong.',
      target: 'properties.jobs',
      details: [{ code: 'A', message: 'B' }],
    },
    400,
  );
  expect(text).toBe('Wrong. (properties.jobs, InvalidParameterValue)\n  B (A)');
});
