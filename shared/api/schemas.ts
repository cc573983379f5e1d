import { z } from 'zod';
import { booleanText, databaseName, databaseNames, oneOf, timestamp } from './fields.ts';
import {
  AUTH_KINDS,
  MIGRATION_MODES,
  MIGRATION_OPTIONS,
  SOURCE_TYPES,
  SSL_MODES,
  TLS_MODES,
  VERIFY_MODES,
} from './vocabulary.ts';

const pem = z.string().max(100_000, 'must have at most 100000 characters');
const password = z.string().max(5_000, 'must have at most 5000 characters');
const userName = z.string().min(1, 'must not be empty').max(256, 'is too long');
const address = z.string().min(1, 'must not be empty').max(1_000, 'is too long');
const pattern = z.string().min(1, 'must not be empty').max(300, 'is too long');
const sessionOptions = z
  .string()
  .max(1_000, 'must have at most 1000 characters')
  .refine((text) => !text.includes('\0'), 'must not have a null character');
const patterns = z.array(pattern).max(5_000, 'must have at most 5000 items');

export const secretParametersSchema = z
  .strictObject({
    adminCredentials: z
      .strictObject({
        sourceServerPassword: password.optional(),
        targetServerPassword: password.optional(),
      })
      .optional(),
    sourceServerUsername: userName
      .optional()
      .describe('Login on the source; wins over the one in sourceDbServerResourceId.'),
    targetServerUsername: userName.optional().describe('Login on the target; always needed.'),
  })
  .meta({ id: 'MigrationSecretParameters', writeOnly: true });

export const tlsSchema = z
  .strictObject({
    mode: oneOf(TLS_MODES).optional().describe("As libpq's sslmode."),
    ca: pem.optional().describe('PEM text of the certificate authorities to trust.'),
    cert: pem.optional().describe("PEM text of the client's certificate."),
    key: pem
      .optional()
      .meta({ description: "PEM text of the client certificate's key.", writeOnly: true }),
  })
  .meta({ id: 'TlsSettings', description: 'An addition of pgmove: TLS towards one side.' });

/** Properties that PUT and PATCH take. */
const changeable = {
  migrationMode: oneOf(MIGRATION_MODES).optional().describe('Default Offline.'),
  sourceDbServerResourceId: address
    .optional()
    .describe(
      'host:port@user, an IPv6 address in brackets; or the ARM id of a Single or Flexible Server.',
    ),
  sourceDbServerFullyQualifiedDomainName: address
    .optional()
    .describe('host or host:port; when given, always used to connect.'),
  targetDbServerFullyQualifiedDomainName: address
    .optional()
    .describe(
      'host or host:port, where the target really is. Default: the server of the path in Azure.',
    ),
  secretParameters: secretParametersSchema.optional(),
  dbsToMigrate: databaseNames
    .optional()
    .describe('Without it the migration waits until a PATCH names databases.'),
  setupLogicalReplicationOnSourceDbIfNeeded: booleanText.optional(),
  overwriteDbsInTarget: booleanText
    .optional()
    .describe('False: wait for a confirmation when a target database has objects.'),
  migrationWindowStartTimeInUtc: timestamp.optional(),
  migrateRoles: booleanText.optional(),
  startDataMigration: booleanText
    .optional()
    .describe('False: wait for a PATCH before the data is moved. Default: start right away.'),
  triggerCutover: booleanText.optional(),
  dbsToTriggerCutoverOn: databaseNames.optional(),
  cancel: booleanText.optional(),
  dbsToCancelMigrationOn: databaseNames.optional(),
  fenceSource: booleanText
    .optional()
    .describe(
      'An addition of pgmove, for Online: at the cutover the source database is closed to everybody but the migration, and stays closed after a success.',
    ),
  setReplicaIdentityFull: booleanText
    .optional()
    .describe(
      'An addition of pgmove, for Online: tables without a usable replica identity get REPLICA IDENTITY FULL for the time of the migration. False: such tables are refused.',
    ),
  sourceTls: tlsSchema.optional(),
  targetTls: tlsSchema.optional(),
  sourceAuth: oneOf(AUTH_KINDS)
    .optional()
    .describe(
      "An addition of pgmove: Entra logs in with a token of the service's identity in place of a password; for a server in Azure, with verify-full. Default Password.",
    ),
  targetAuth: oneOf(AUTH_KINDS)
    .optional()
    .describe('An addition of pgmove: as sourceAuth, for the target.'),
  sourceOptions: sessionOptions
    .optional()
    .describe("An addition of pgmove: libpq's options for the source, as '-c name=value'."),
  targetOptions: sessionOptions
    .optional()
    .describe('An addition of pgmove: as sourceOptions, for the target.'),
};

/** Properties that only PUT takes. */
const fixed = {
  migrationInstanceResourceId: address
    .optional()
    .describe('The id of a worker group (PGMOVE_RUNTIME) that carries the migration.'),
  migrationRuntimeResourceId: address
    .optional()
    .describe('Another name of migrationInstanceResourceId, which the answers have.'),
  migrationOption: oneOf(MIGRATION_OPTIONS).optional().describe('Default ValidateAndMigrate.'),
  sourceType: oneOf(SOURCE_TYPES).optional().describe('Default OnPremises.'),
  sslMode: oneOf(SSL_MODES)
    .optional()
    .describe('Default VerifyFull for PostgreSQLSingleServer, else Prefer.'),
  migrationWindowEndTimeInUtc: timestamp
    .optional()
    .describe('Accepted as the published API does; answers hold the actual end.'),
  targetDbNames: z
    .record(databaseName, databaseName)
    .optional()
    .describe('An addition of pgmove: source database name → name on the target.'),
  includeTables: patterns
    .optional()
    .describe('An addition of pgmove: patterns schema.table with * and ?; default every table.'),
  excludeTables: patterns.optional().describe('An addition of pgmove: as includeTables.'),
  jobs: z
    .int('must be a whole number')
    .min(1, 'must be between 1 and 64')
    .max(64, 'must be between 1 and 64')
    .optional()
    .describe('An addition of pgmove: connections that copy at once. Default: PGMOVE_JOBS.'),
  dryRunSchema: booleanText
    .optional()
    .describe(
      'An addition of pgmove: the validation restores the schema into a scratch database of the target, which it drops again. Default False.',
    ),
  targetStorageMb: z
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(2_147_483_647, 'is too large')
    .optional()
    .describe(
      "An addition of pgmove: size of the target's disk in megabytes, for the validation. Default: what Azure says, where it can be asked.",
    ),
  verify: oneOf(VERIFY_MODES)
    .optional()
    .describe('An addition of pgmove: comparison after the copy. Default none.'),
};

export const writableProperties = { ...changeable, ...fixed };

/** Read-only in the answers; in a PUT they are ignored, so that what GET gave can be put. */
export const READ_ONLY_PROPERTIES = [
  'migrationId',
  'currentStatus',
  'sourceDbServerMetadata',
  'targetDbServerMetadata',
  'targetDbServerResourceId',
  'createdOn',
  'startedOn',
  'endedOn',
  'run',
  'notCarried',
] as const;

export const tagsSchema = z
  .record(z.string().max(512, 'is too long'), z.string().max(256, 'is too long'))
  .refine((tags) => Object.keys(tags).length <= 50, 'must have at most 50 tags');

const ignored = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, z.unknown().optional()]));

export const putPropertiesSchema = z
  .strictObject({ ...writableProperties, ...ignored(READ_ONLY_PROPERTIES) })
  .meta({ id: 'MigrationPropertiesForPut' });

export const putBodySchema = z
  .strictObject({
    location: z.string().min(1, 'must not be empty').max(100, 'is too long'),
    tags: tagsSchema.optional(),
    properties: z.strictObject({ ...writableProperties, ...ignored(READ_ONLY_PROPERTIES) }),
    ...ignored(['id', 'name', 'type', 'systemData', 'etag']),
  })
  .meta({ id: 'MigrationForPut' });

export const patchBodySchema = z
  .strictObject({
    properties: z.strictObject(changeable).optional(),
    tags: tagsSchema.optional(),
  })
  .meta({ id: 'MigrationResourceForPatch' });

export const nameAvailabilityRequestSchema = z
  .strictObject({ name: z.string(), type: z.string() })
  .meta({ id: 'MigrationNameAvailabilityResource' });

const changeableObject = z.strictObject(changeable);
const writableObject = z.strictObject(writableProperties);
export type PatchProperties = z.infer<typeof changeableObject>;
export type PutProperties = z.infer<typeof writableObject>;
export type PatchBody = z.infer<typeof patchBodySchema>;
export interface PutBody {
  location: string;
  tags?: Record<string, string>;
  properties: PutProperties;
}
export type TlsBody = z.infer<typeof tlsSchema>;
export type SecretParameters = z.infer<typeof secretParametersSchema>;
