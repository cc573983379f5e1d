import { expect, test } from 'vitest';
import { openapiDocument } from '../../shared/api/openapi.ts';
import { READ_ONLY_PROPERTIES, writableProperties } from '../../shared/api/schemas.ts';

const document = openapiDocument() as {
  paths: Record<string, Record<string, { operationId?: string }>>;
  components: { schemas: Record<string, { properties?: Record<string, { properties?: object }> }> };
};

test('every reference leads to a component', () => {
  const references = JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g);
  for (const [, reference] of references) {
    const id = /^#\/components\/schemas\/(\w+)$/.exec(reference ?? '')?.[1] ?? reference ?? '';
    expect(document.components.schemas).toHaveProperty([id]);
  }
});

test('has every operation, and every property of the resource', () => {
  const ids = Object.values(document.paths).flatMap((item) =>
    Object.values(item).map((operation) => operation.operationId),
  );
  expect(ids.filter((id) => id !== undefined).sort()).toEqual([
    'CheckMigrationNameAvailability',
    'GetSourceDatabaseList',
    'Migrations_Cancel',
    'Migrations_Create',
    'Migrations_Get',
    'Migrations_GetReport',
    'Migrations_GetValidation',
    'Migrations_ListByTargetServer',
    'Migrations_ListEvents',
    'Migrations_ListEverywhere',
    'Migrations_ListSamples',
    'Migrations_ListTables',
    'Migrations_Purge',
    'Migrations_Resume',
    'Migrations_Update',
    'TestConnectivity',
  ]);
  const { properties } = document.components.schemas.Migration?.properties ?? {};
  expect(Object.keys(properties?.properties ?? {}).sort()).toEqual(
    [...Object.keys(writableProperties), ...READ_ONLY_PROPERTIES].sort(),
  );
});

test('is of version 3.0: no keyword of later drafts', () => {
  const text = JSON.stringify(document);
  for (const keyword of ['$schema', '$id', '"const"', 'propertyNames', '"null"']) {
    expect(text).not.toContain(keyword);
  }
});
