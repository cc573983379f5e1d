import type { TlsMode } from '../contracts/tls.ts';

/** The closed lists of the published API (2025-08-01), and of what pgmove adds to it. */

export const RESOURCE_TYPE = 'Microsoft.DBforPostgreSQL/flexibleServers/migrations';

/** Everything is answered in the shape of 2025-08-01, the newest stable one. */
export const API_VERSIONS = [
  '2020-11-05-preview',
  '2021-06-15-privatepreview',
  '2022-05-01-preview',
  '2023-03-01-preview',
  '2023-06-01-preview',
  '2023-12-01-preview',
  '2024-03-01-preview',
  '2024-08-01',
  '2024-11-01-preview',
  '2025-01-01-preview',
  '2025-06-01-preview',
  '2025-08-01',
  '2026-01-01-preview',
] as const;

export const CURRENT_API_VERSION = '2025-08-01';

export const MIGRATION_MODES = ['Offline', 'Online'] as const;
export const MIGRATION_OPTIONS = ['Validate', 'Migrate', 'ValidateAndMigrate'] as const;
export const SSL_MODES = ['Prefer', 'Require', 'VerifyCA', 'VerifyFull'] as const;
export const LIST_FILTERS = ['Active', 'All'] as const;
export const VERIFY_MODES = ['none', 'counts', 'hash'] as const;
export const STREAM_STAGES = ['copying', 'consistent', 'caughtUp', 'drained'] as const;
/** An addition of pgmove. */
export const AUTH_KINDS = ['Password', 'Entra'] as const;
export const TABLE_STATES = ['queued', 'copying', 'indexing', 'completed', 'failed'] as const;

export const TLS_MODES = [
  'disable',
  'allow',
  'prefer',
  'require',
  'verify-ca',
  'verify-full',
] as const satisfies readonly TlsMode[];

export const SOURCE_TYPES = [
  'OnPremises',
  'AWS',
  'GCP',
  'AzureVM',
  'PostgreSQLSingleServer',
  'AWS_RDS',
  'AWS_AURORA',
  'AWS_EC2',
  'GCP_CloudSQL',
  'GCP_AlloyDB',
  'GCP_Compute',
  'EDB',
  'EDB_Oracle_Server',
  'EDB_PostgreSQL',
  'PostgreSQLFlexibleServer',
  'PostgreSQLCosmosDB',
  'Huawei_RDS',
  'Huawei_Compute',
  'Heroku_PostgreSQL',
  'Crunchy_PostgreSQL',
  'ApsaraDB_RDS',
  'Digital_Ocean_Droplets',
  'Digital_Ocean_PostgreSQL',
  'Supabase_PostgreSQL',
] as const;

export const TLS_MODE_OF_SSL_MODE: Readonly<Record<(typeof SSL_MODES)[number], TlsMode>> = {
  Prefer: 'prefer',
  Require: 'require',
  VerifyCA: 'verify-ca',
  VerifyFull: 'verify-full',
};

export const MIGRATION_STATES = [
  'InProgress',
  'WaitingForUserAction',
  'Canceled',
  'Failed',
  'Succeeded',
  'ValidationFailed',
  'CleaningUp',
] as const;

export const MIGRATION_SUB_STATES = [
  'PerformingPreRequisiteSteps',
  'WaitingForLogicalReplicationSetupRequestOnSourceDB',
  'WaitingForDBsToMigrateSpecification',
  'WaitingForTargetDBOverwriteConfirmation',
  'WaitingForDataMigrationScheduling',
  'WaitingForDataMigrationWindow',
  'MigratingData',
  'WaitingForCutoverTrigger',
  'CompletingMigration',
  'Completed',
  'CancelingRequestedDBMigrations',
  'ValidationInProgress',
] as const;

export const DATABASE_STATES = [
  'InProgress',
  'WaitingForCutoverTrigger',
  'Failed',
  'Canceled',
  'Succeeded',
  'Canceling',
] as const;

export const VALIDATION_STATES = ['Failed', 'Succeeded', 'Warning'] as const;
