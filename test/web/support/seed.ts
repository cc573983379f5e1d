import { readSettings } from '../../../shared/config/settings.ts';
import { migrationEvent } from '../../../shared/contracts/events.ts';
import type { MigrationRecord, ValidationDetails } from '../../../shared/contracts/records.ts';
import { openStores } from '../../../shared/state/stores.ts';
import type { Stores } from '../../../shared/state/stores.ts';
import { parseMigrationId } from '../../../web/api/migrationId.ts';
import { detailsHref } from '../../../web/routing.ts';
import type { TestStack } from '../../e2e/support/testStack.ts';
import { sampleDatabase, sampleMigration, sampleTable } from '../../state/fixtures.ts';

const SUBSCRIPTION = '00000000-0000-0000-0000-000000000000';
const SERVER = 'flexible-eu';
const SCOPE = `${SUBSCRIPTION}/local/${SERVER}`;

/** Rows as a migration would leave them. Ended ones only: the watchdog would start the others. */
export interface Seed {
  stores: Stores;
  migration(name: string, change?: Partial<MigrationRecord>): Promise<MigrationRecord>;
}

export function openSeed(stack: TestStack): Seed {
  const stores = openStores(readSettings({ AzureWebJobsStorage: stack.storage }));
  return {
    stores,
    migration: async (name, change = {}) => {
      const record = endedMigration(name, change);
      await stores.migrations.create(record);
      return record;
    },
  };
}

/** Where the page of a seeded migration is. */
export function seededPage(stack: TestStack, name: string, rest = ''): string {
  return `${stack.url}/ui/#/migration/${SUBSCRIPTION}/local/${SERVER}/${name}${rest}`;
}

/** Where the page of the migration with this address in the API is. */
export function pageOf(stack: TestStack, migrationUrl: string): string {
  const key = parseMigrationId(decodeURIComponent(new URL(migrationUrl).pathname));
  if (key === undefined) throw new Error(`${migrationUrl} is not the address of a migration.`);
  return `${stack.url}/ui/${detailsHref(key)}`;
}

function endedMigration(name: string, change: Partial<MigrationRecord>): MigrationRecord {
  const base = sampleMigration();
  const { source, target } = base.spec;
  return {
    ...base,
    ref: { ...base.ref, scope: SCOPE, name },
    subscriptionId: SUBSCRIPTION,
    resourceGroupName: 'local',
    serverName: SERVER,
    status: { state: 'Succeeded', subState: 'Completed' },
    startedOn: '2026-03-01T08:00:00.000Z',
    endedOn: '2026-03-01T09:12:30.000Z',
    ...change,
    spec: {
      ...base.spec,
      source: {
        ...source,
        host: 'db1.example.com',
        resourceId: 'db1.example.com:5432@mover',
      },
      target: {
        ...target,
        host: 'flexible-eu.example.com',
        fullyQualifiedDomainName: 'flexible-eu.example.com',
      },
      ...change.spec,
    },
  };
}

/** As many migrations as a service has after a year, of all kinds. */
export async function seedMany(seed: Seed, count: number): Promise<void> {
  const one = async (index: number): Promise<void> => {
    const minutes = index * 7;
    const startedOn = new Date(Date.UTC(2026, 0, 1) + minutes * 60_000).toISOString();
    const endedOn = new Date(Date.parse(startedOn) + (index % 90) * 60_000).toISOString();
    await seed.migration(`many-${String(index).padStart(4, '0')}`, {
      status: STATES[index % STATES.length] ?? STATES[0],
      startedOn,
      endedOn,
      wanted: { ...sampleMigration().wanted, databases: [`shop_${index}`, `crm_${index}`] },
    });
  };
  const atOnce = 16;
  for (let first = 0; first < count; first += atOnce) {
    const indexes = Array.from({ length: Math.min(atOnce, count - first) }, (_, i) => first + i);
    await Promise.all(indexes.map(one));
  }
}

const STATES: readonly [MigrationRecord['status'], ...MigrationRecord['status'][]] = [
  { state: 'Succeeded', subState: 'Completed' },
  { state: 'Succeeded', subState: 'Completed' },
  { state: 'Failed', subState: 'Completed', error: 'shop_1: 1 table failed.' },
  { state: 'Canceled', subState: 'Completed' },
  {
    state: 'ValidationFailed',
    subState: 'Completed',
    error: 'The validation failed: extensions-available.',
  },
];

/** A failed migration with a database of so many tables, three of which failed. */
export async function seedTables(seed: Seed, name: string, count: number): Promise<void> {
  const { ref } = await seed.migration(name, {
    status: { state: 'Failed', subState: 'Completed', error: `shop: ${FAILED_MESSAGE}` },
    wanted: { ...sampleMigration().wanted, databases: ['shop', 'crm'] },
  });
  await seed.stores.databases.put(
    sampleDatabase(ref.id, {
      state: 'Failed',
      operation: 'Copying tables',
      tablesTotal: count,
      completedTables: count - 3,
      erroredTables: 3,
      rowsCopied: 48_200_113,
      bytesCopied: 21_474_836_480,
      bytesTotal: 22_474_836_480,
      message: FAILED_MESSAGE,
      startedOn: '2026-03-01T08:00:10.000Z',
      endedOn: '2026-03-01T09:12:30.000Z',
    }),
  );
  await seed.stores.databases.put(
    sampleDatabase(ref.id, {
      database: 'crm',
      targetDatabase: 'crm',
      state: 'Succeeded',
      tablesTotal: 42,
      completedTables: 42,
      rowsCopied: 1_200_000,
      bytesCopied: 734_003_200,
      startedOn: '2026-03-01T08:00:10.000Z',
      endedOn: '2026-03-01T08:21:30.000Z',
    }),
  );
  const tables = Array.from({ length: count }, (_, index) => {
    const isFailed = index % Math.ceil(count / 3) === 1;
    return sampleTable(String(16_384 + index), {
      table: `order_lines_${String(index).padStart(5, '0')}`,
      state: isFailed ? 'failed' : 'completed',
      rows: isFailed ? 0 : 4_820 + index,
      bytes: isFailed ? 0 : 2_147_483 + index,
      bytesTotal: 2_100_000,
      partCount: index % 50 === 0 ? 4 : 1,
      partsDone: index % 50 === 0 ? 4 : 1,
      copyMs: 850,
      indexMs: 210,
      error: isFailed ? FAILED_TABLE : '',
    });
  });
  await seed.stores.tables.putMany(ref.id, 'shop', tables);
  const few = tables.slice(0, 5).map((table) => ({ ...table, state: 'completed' as const }));
  await seed.stores.tables.putMany(ref.id, 'crm', few);
  await seed.stores.events.append(
    ref.id,
    [0, 1, 2].map((index) => ({
      id: `${ref.id}-${index}`,
      event: migrationEvent('MigrationStateChanged', ref, `2026-03-01T08:0${index}:00.000Z`, {
        state: index === 2 ? 'Failed' : 'InProgress',
        subState: ['ValidationInProgress', 'MigratingData'][index] ?? 'Completed',
        previousState: 'InProgress',
        previousSubState: 'PerformingPreRequisiteSteps',
        ...(index === 2 ? { error: `shop: ${FAILED_MESSAGE}` } : {}),
      }),
    })),
  );
}

const FAILED_MESSAGE =
  '3 tables failed: public.order_lines_00001 and 2 more. Their errors are in the list of tables.';
const FAILED_TABLE =
  'dataFailed (22P05): the target cannot hold a character of this table: its encoding is LATIN1. Make the target database with the encoding UTF8.';

/** A validation with everything that one can find. */
export const FAILED_VALIDATION: ValidationDetails = {
  status: 'Failed',
  validationStartTimeInUtc: '2026-03-01T08:00:02.000Z',
  validationEndTimeInUtc: '2026-03-01T08:00:09.000Z',
  serverLevelValidationDetails: [
    { type: 'AuthenticationAndConnectivityValidation', state: 'Succeeded' },
    {
      type: 'ServerParametersValidation',
      state: 'Failed',
      messages: [
        {
          state: 'Failed',
          message:
            "logical-replication: wal_level of the source is 'replica', and an online migration needs logical. On the source: alter system set wal_level = 'logical';",
        },
      ],
    },
  ],
  dbLevelValidationDetails: [
    {
      databaseName: 'shop',
      startedOn: '2026-03-01T08:00:04.000Z',
      endedOn: '2026-03-01T08:00:09.000Z',
      summary: [
        {
          type: 'ExtensionsValidation',
          state: 'Failed',
          messages: [
            {
              state: 'Failed',
              message:
                'extensions-available (603022): The target does not have the extension postgis 3.4, which 2 tables use. On the target: create extension postgis;',
            },
          ],
        },
        {
          type: 'CollationsValidation',
          state: 'Warning',
          messages: [
            {
              state: 'Warning',
              message:
                'collation-versions: The collations of 3 indexes have another version on the target; they are built anew there.',
            },
          ],
        },
      ],
    },
  ],
};
