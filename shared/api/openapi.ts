import { z } from 'zod';
import {
  connectionBodySchema,
  connectivitySchema,
  sourceDatabaseListSchema,
} from './connectivity.ts';
import { eventListSchema } from './events.ts';
import { SERVER_ROUTE } from './path.ts';
import { MEDIA_TYPES, REPORT_FORMATS, TABLE_CHOICES } from './report/format.ts';
import { migrationReportSchema } from './report/schema.ts';
import {
  migrationListSchema,
  migrationSchema,
  nameAvailabilitySchema,
  sampleListSchema,
  tableListSchema,
} from './resource.ts';
import { nameAvailabilityRequestSchema, patchBodySchema, putBodySchema } from './schemas.ts';
import { migrationSummaryListSchema, migrationSummarySchema } from './summary.ts';
import { validationReportSchema } from './validationReport.ts';
import { CURRENT_API_VERSION, LIST_FILTERS, TABLE_STATES } from './vocabulary.ts';

type Json = Record<string, unknown>;

const errorSchema = z
  .object({
    error: z.object({
      code: z.string(),
      message: z.string(),
      target: z.string().optional(),
      details: z.array(z.unknown()).optional(),
    }),
  })
  .meta({ id: 'ErrorResponse' });

const COMPONENTS = [
  migrationSchema,
  migrationListSchema,
  migrationSummarySchema,
  migrationSummaryListSchema,
  putBodySchema,
  patchBodySchema,
  nameAvailabilityRequestSchema,
  nameAvailabilitySchema,
  sampleListSchema,
  tableListSchema,
  eventListSchema,
  validationReportSchema,
  migrationReportSchema,
  connectionBodySchema,
  connectivitySchema,
  sourceDatabaseListSchema,
  errorSchema,
];

interface Operation {
  path: string;
  method: string;
  operationId: string;
  summary: string;
  query?: readonly Json[];
  body?: string;
  /** Status → component of the answer, or the text of one without a body. */
  answers: Readonly<Record<number, { schema?: string; description: string }>>;
  /** Media types of the answer beside JSON. */
  alsoAs?: readonly string[];
}

const MIGRATION = `/${SERVER_ROUTE}/migrations/{migrationName}`;
const text = (name: string, description: string): Json => ({
  name,
  in: 'query',
  description,
  schema: { type: 'string' },
});
const choice = (name: string, values: readonly string[], description: string): Json => ({
  ...text(name, description),
  schema: { type: 'string', enum: values },
});
const migration = (description: string) => ({ schema: 'Migration', description });

const OPERATIONS: readonly Operation[] = [
  {
    path: MIGRATION,
    method: 'put',
    operationId: 'Migrations_Create',
    summary: 'Creates and starts a migration. An equal body on an existing name changes nothing.',
    body: 'MigrationForPut',
    answers: { 200: migration('It existed.'), 201: migration('Created.') },
  },
  {
    path: MIGRATION,
    method: 'get',
    operationId: 'Migrations_Get',
    summary: 'The migration and how far it is.',
    answers: { 200: migration('The migration.') },
  },
  {
    path: MIGRATION,
    method: 'patch',
    operationId: 'Migrations_Update',
    summary: 'Releases a gate, triggers the cutover, cancels, or changes what may be changed.',
    body: 'MigrationResourceForPatch',
    answers: { 200: migration('The migration.') },
  },
  {
    path: MIGRATION,
    method: 'delete',
    operationId: 'Migrations_Cancel',
    summary: 'Cancels the migration; an ended one stays as it is.',
    answers: { 200: migration('The migration.'), 204: { description: 'There is none.' } },
  },
  {
    path: `/${SERVER_ROUTE}/migrations`,
    method: 'get',
    operationId: 'Migrations_ListByTargetServer',
    summary: 'The migrations of a target server.',
    query: [
      choice('migrationListFilter', LIST_FILTERS, 'Default Active: those that have not ended.'),
      text('$top', 'An addition of pgmove: items of a page, 1 to 1000; default 100.'),
      text('$skiptoken', 'From nextLink.'),
    ],
    answers: { 200: { schema: 'MigrationList', description: 'A page.' } },
  },
  {
    path: '/providers/Microsoft.DBforPostgreSQL/migrations',
    method: 'get',
    operationId: 'Migrations_ListEverywhere',
    summary: 'An addition of pgmove: the migrations of every server, newest first, in short.',
    answers: { 200: { schema: 'MigrationSummaryList', description: 'All of them.' } },
  },
  {
    path: `/${SERVER_ROUTE}/checkMigrationNameAvailability`,
    method: 'post',
    operationId: 'CheckMigrationNameAvailability',
    summary: 'Whether a name is valid and free.',
    body: 'MigrationNameAvailabilityResource',
    answers: { 200: { schema: 'MigrationNameAvailability', description: 'The answer.' } },
  },
  {
    path: `/${SERVER_ROUTE}/testConnectivity`,
    method: 'post',
    operationId: 'TestConnectivity',
    summary: 'Whether the servers can be used as a migration would, and by whom. Nothing is kept.',
    body: 'ConnectionProperties',
    answers: { 200: { schema: 'Connectivity', description: 'What each side answered.' } },
  },
  {
    path: `/${SERVER_ROUTE}/getSourceDatabaseList`,
    method: 'post',
    operationId: 'GetSourceDatabaseList',
    summary: 'The databases of the source. Nothing is kept.',
    body: 'ConnectionProperties',
    answers: { 200: { schema: 'SourceDatabaseList', description: 'Largest first.' } },
  },
  {
    path: `${MIGRATION}/resume`,
    method: 'post',
    operationId: 'Migrations_Resume',
    summary:
      'An addition of pgmove: takes up a failed or canceled migration; finished tables are not copied again.',
    answers: { 200: migration('It runs again.') },
  },
  {
    path: `${MIGRATION}/purge`,
    method: 'post',
    operationId: 'Migrations_Purge',
    summary: 'An addition of pgmove: removes an ended migration and everything kept for it.',
    answers: { 202: { description: 'It is being removed; GET answers 404 when it is gone.' } },
  },
  {
    path: `${MIGRATION}/validation`,
    method: 'get',
    operationId: 'Migrations_GetValidation',
    summary:
      'An addition of pgmove: everything that the validation found, and what to do about it.',
    answers: { 200: { schema: 'ValidationReport', description: 'The report, so far as it is.' } },
  },
  {
    path: `${MIGRATION}/report`,
    method: 'get',
    operationId: 'Migrations_GetReport',
    summary: 'An addition of pgmove: what the migration did, or has done so far, as a document.',
    query: [
      choice('format', REPORT_FORMATS, 'Default: as the Accept header wishes, or json.'),
      choice('tables', TABLE_CHOICES, 'Default largest: a hundred, and every one that failed.'),
    ],
    answers: { 200: { schema: 'MigrationReport', description: 'The report.' } },
    alsoAs: [MEDIA_TYPES.markdown, MEDIA_TYPES.html],
  },
  {
    path: `${MIGRATION}/events`,
    method: 'get',
    operationId: 'Migrations_ListEvents',
    summary: 'An addition of pgmove: what happened to a migration, and who was told of it.',
    query: [
      text('after', 'Only events behind this sequence number.'),
      text('$top', 'Items of a page, 1 to 1000; default 100.'),
    ],
    answers: { 200: { schema: 'MigrationEventList', description: 'A page, oldest first.' } },
  },
  {
    path: `${MIGRATION}/databases/{databaseName}/tables`,
    method: 'get',
    operationId: 'Migrations_ListTables',
    summary: 'An addition of pgmove: the tables of a database and how far each is.',
    query: [
      text(
        'state',
        `Only tables in these states, with commas between: ${TABLE_STATES.join(', ')}.`,
      ),
      choice(
        '$orderby',
        ['state'],
        'Failed ones first, completed ones last. Default: by table id.',
      ),
      text('$top', 'Items of a page, 1 to 1000; default 100. Also: top.'),
      text('continuation', 'From nextLink.'),
    ],
    answers: { 200: { schema: 'TableList', description: 'A page.' } },
  },
  {
    path: `${MIGRATION}/databases/{databaseName}/samples`,
    method: 'get',
    operationId: 'Migrations_ListSamples',
    summary:
      'An addition of pgmove: how rows, changes and lag went over time. The newest sample may still change.',
    query: [text('after', 'ISO 8601: only samples whose time is later.')],
    answers: { 200: { schema: 'SampleList', description: 'All of them.' } },
  },
];

/** The OpenAPI 3.0 document of the API, made from the schemas that check it. */
export function openapiDocument(): Json {
  const registry = z.registry<{ id?: string }>();
  for (const schema of COMPONENTS) registry.add(schema, { ...z.globalRegistry.get(schema) });
  const { schemas } = z.toJSONSchema(registry, {
    target: 'openapi-3.0',
    unrepresentable: 'any',
    uri: (id) => `#/components/schemas/${id}`,
  });
  const paths: Record<string, Json> = {};
  for (const operation of OPERATIONS) {
    const item = (paths[operation.path] ??= {
      parameters: [...pathParameters(operation.path), apiVersionParameter()],
    });
    item[operation.method] = operationObject(operation);
  }
  return {
    openapi: '3.0.3',
    info: {
      title: 'pgmove',
      version: CURRENT_API_VERSION,
      description:
        'Migrations of PostgreSQL databases, in the shape of Microsoft.DBforPostgreSQL/flexibleServers/migrations. Every published api-version is answered in this one.',
    },
    paths,
    components: {
      schemas: componentsOf(schemas),
      securitySchemes: { functionKey: { type: 'apiKey', in: 'header', name: 'x-functions-key' } },
    },
    security: [{ functionKey: [] }, {}],
  };
}

function operationObject(operation: Operation): Json {
  const content = (schema: string) => ({
    'application/json': { schema: { $ref: `#/components/schemas/${schema}` } },
  });
  const texts = Object.fromEntries(
    (operation.alsoAs ?? []).map((type) => [type, { schema: { type: 'string' } }]),
  );
  const responses = Object.fromEntries(
    Object.entries(operation.answers).map(([status, { schema, description }]) => [
      status,
      {
        description,
        ...(schema === undefined ? {} : { content: { ...content(schema), ...texts } }),
      },
    ]),
  );
  return {
    operationId: operation.operationId,
    summary: operation.summary,
    parameters: operation.query ?? [],
    ...(operation.body === undefined
      ? {}
      : { requestBody: { required: true, content: content(operation.body) } }),
    responses: {
      ...responses,
      default: { description: 'Refused.', content: content('ErrorResponse') },
    },
  };
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function apiVersionParameter(): Json {
  return { ...text('api-version', `As ${CURRENT_API_VERSION}.`), required: true };
}

/** Schemas with an id that others use come in a bundle of their own: all become components. */
function componentsOf(schemas: Record<string, unknown>): Json {
  const { __shared: shared, ...own } = schemas as Record<string, { definitions?: Json }>;
  const all: Json = { ...own, ...shared?.definitions };
  return Object.fromEntries(Object.entries(all).map(([id, schema]) => [id, asOpenapi(schema)]));
}

/** OpenAPI 3.0 has no $id and no $schema, and the format says what the pattern of a date does. */
function asOpenapi(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asOpenapi);
  if (typeof value !== 'object' || value === null) return value;
  const isDate = 'format' in value && value.format === 'date-time';
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== '$schema' && key !== '$id')
      .filter(([key, item]) => !(key === 'id' && typeof item === 'string'))
      .filter(([key]) => !(isDate && key === 'pattern'))
      .map(([key, item]) => [key, key === '$ref' ? referenceOf(String(item)) : asOpenapi(item)]),
  );
}

function referenceOf(reference: string): string {
  return `#/components/schemas/${reference.split('/').at(-1) ?? ''}`;
}
