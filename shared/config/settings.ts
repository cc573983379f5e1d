import path from 'node:path';
import { z } from 'zod';
import { runtimeIdOf } from '../contracts/runtimes.ts';
import type { TelemetrySettings } from '../telemetry/telemetry.ts';
import { MigrationError } from '../errors/migrationError.ts';

/** Where the tables, blobs and queues are. */
export type StorageSettings =
  | { kind: 'connectionString'; connectionString: string }
  /** The process's managed identity logs in. */
  | { kind: 'identity'; accountName: string };

export type SecretSettings =
  /** Encrypted files; for one machine. */
  { kind: 'file'; folder: string } | { kind: 'keyVault'; url: string };

export interface WebhookSettings {
  urls: string[];
  /** Each delivery is signed with all of them: more than one while a secret is replaced. */
  secrets: string[];
  /** Whom the receivers are asked to allow: a DNS name. */
  origin: string;
}

export interface Settings {
  storage: StorageSettings;
  secrets: SecretSettings;
  /** Host patterns that a migration may name; everything when empty. */
  allowedHosts: string[];
  /** Who may call: holders of a function key, or users of Entra with a role. */
  auth: 'key' | 'entra';
  /** Names under which a proxy in front of the service is reached by browsers. */
  publicHosts: string[];
  eventGrid?: { endpoint: string; key?: string };
  webhooks: WebhookSettings;
  /** An event is told when a target is further behind; 0: none. */
  latencyWarningSeconds: number;
  /** An event is told when a slot keeps more WAL on the source, in bytes; 0: none. */
  slotWarningBytes: number;
  jobs: number;
  retentionDays: number;
  /** How long a failed online database keeps its slot. */
  failedRetentionHours: number;
  /** How much WAL it may keep at most, in bytes. */
  failedSlotMaxBytes: number;
  /** How long a database may wait for its cutover. */
  cutoverTimeoutHours: number;
  /** How long an online migration may take in all. */
  onlineTimeoutDays: number;
  /** How long a new slot may wait for transactions that are open. */
  slotWaitMinutes: number;
  /** `logical_decoding_work_mem` of our walsenders; 0: as the source has it. */
  decodingWorkMemMegabytes: number;
  /** How long a replicator that was told to end holds snapshots on. */
  shutdownGraceSeconds: number;
  /** Azure Resource Manager, where the servers' resources may be read. */
  arm?: { endpoint: string };
  pgBinDir?: string;
  tablePrefix: string;
  /** The worker group that this deployment is; absent: the front. */
  runtime?: string;
  telemetry: TelemetrySettings;
  /** Where the replicator tells its metrics and its health; nowhere when absent. */
  metricsServer?: { address: string; port: number };
}

/** Nothing between two commas, spaces around names: forgiven. */
function commaSeparated(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

const count = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'is no whole number')
    .transform(Number)
    .refine((n) => n >= min && n <= max, `is not between ${min} and ${max}`);

const httpUrl = z.string().refine((text) => {
  const url = URL.parse(text);
  return url !== null && (url.protocol === 'https:' || url.protocol === 'http:');
}, 'is no http or https URL');

const WEBHOOK_URL_PROBLEM =
  'has something that is no http or https URL, or one with a user name or password in it';

function isWebhookUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return false;
  return url.username === '' && url.password === '';
}

/** Every variable that pgmove reads, with its description; the documentation is made from this. */
export const ENVIRONMENT = {
  AzureWebJobsStorage: z
    .string()
    .optional()
    .describe(
      'Connection string of the storage account with tables, blobs and queues, or UseDevelopmentStorage=true for Azurite on its usual ports.',
    ),
  AzureWebJobsStorage__accountName: z
    .string()
    .regex(/^[a-z0-9]{3,24}$/, 'is no storage account name')
    .optional()
    .describe(
      'Name of the storage account, reached with the managed identity; used when there is no connection string.',
    ),
  PGMOVE_SECRETS: z
    .string()
    .refine(
      (text) => /^file:./.test(text) || URL.parse(text)?.protocol === 'https:',
      'is neither file:<folder> nor the https URL of a Key Vault',
    )
    .optional()
    .describe(
      'Where passwords and client keys are kept: file:<folder> (encrypted files, default file:.pgmove/secrets on one machine) or the URL of a Key Vault (needed in Azure).',
    ),
  PGMOVE_ALLOWED_HOSTS: z
    .string()
    .optional()
    .describe(
      'Comma-separated host names (with * as wildcard), addresses and CIDR ranges that a migration may name as source or target, and that are connected to: the addresses are looked at again at each connect. Default: every host. Link-local addresses are always refused.',
    ),
  PGMOVE_AUTH: z
    .enum(['key', 'entra'], 'is neither key nor entra')
    .optional()
    .describe(
      'Who may call the API. key: who has a function key (on one machine: everybody there). entra: whom the platform (authentication of App Service or Container Apps, which has to be on) has logged in to Microsoft Entra ID and who has the app role Migrations.Read or Migrations.Write. Default key.',
    ),
  PGMOVE_PUBLIC_HOSTS: z
    .string()
    .optional()
    .describe(
      'Comma-separated host names under which browsers reach the service through a proxy that changes the Host header (Front Door, Application Gateway). Pages of other origins are refused. Default: the name that the Functions host sees, and in Azure the one that the platform gave the app.',
    ),
  EVENT_GRID_TOPIC_ENDPOINT: httpUrl
    .optional()
    .describe(
      'Endpoint of the Event Grid topic, or of any HTTP sink for CloudEvents batches. Default: events are kept in the table only.',
    ),
  EVENT_GRID_TOPIC_KEY: z
    .string()
    .optional()
    .describe(
      'Access key of the Event Grid topic. Default: the managed identity (needs an https endpoint).',
    ),
  PGMOVE_WEBHOOKS: z
    .string()
    .refine((text) => commaSeparated(text).every(isWebhookUrl), WEBHOOK_URL_PROBLEM)
    .optional()
    .describe(
      'Comma-separated http or https URLs that get every event as a signed CloudEvent, beside the topic or without one. Link-local addresses are refused. Default: none.',
    ),
  PGMOVE_WEBHOOK_SECRET: z
    .string()
    .refine(
      (text) => commaSeparated(text).every((secret) => secret.length >= 24),
      'has a secret of less than 24 characters',
    )
    .optional()
    .describe(
      'Secret that deliveries to webhooks are signed with (HMAC-SHA256): whsec_ and base64, or any text of at least 24 characters. Two, separated by a comma, while one is replaced by the other. Needed with PGMOVE_WEBHOOKS.',
    ),
  PGMOVE_WEBHOOK_ORIGIN: z
    .string()
    .regex(/^[A-Za-z0-9.-]+$/, 'is no DNS name')
    .optional()
    .describe(
      'DNS name under which webhooks are asked for their consent (WebHook-Request-Origin). Default: the host name of the function app, else pgmove.',
    ),
  PGMOVE_LATENCY_WARNING_SECONDS: count(0, 7 * 24 * 3600)
    .optional()
    .describe(
      'Seconds that the target of an online migration may be behind before the event LatencyThresholdExceeded is told. 0: never. Default 300.',
    ),
  PGMOVE_SLOT_WARNING_MB: count(0, 100_000_000)
    .optional()
    .describe(
      'Megabytes of WAL that a replication slot may keep on the source before the event SlotThresholdExceeded is told. 0: never. Default 10240.',
    ),
  PGMOVE_JOBS: count(1, 64)
    .optional()
    .describe(
      'Connections that copy or build indexes at once in one migration that does not say. Default 4.',
    ),
  PGMOVE_RETENTION_DAYS: count(1, 3650)
    .optional()
    .describe('Days after which an ended migration is purged. Default 30.'),
  PGMOVE_FAILED_RETENTION_HOURS: count(1, 24 * 30)
    .optional()
    .describe(
      'Hours that a failed online database keeps its replication slot for a resume. Default 24.',
    ),
  PGMOVE_FAILED_SLOT_MAX_GB: count(1, 100_000)
    .optional()
    .describe(
      'Gigabytes of WAL that the slot of a failed online database may keep on the source; then it is dropped. Default 10.',
    ),
  PGMOVE_CUTOVER_TIMEOUT_HOURS: count(1, 24 * 365)
    .optional()
    .describe('Hours that an online database may wait for its cutover; then it fails. Default 72.'),
  PGMOVE_ONLINE_TIMEOUT_DAYS: count(1, 365)
    .optional()
    .describe(
      'Days that an online migration may take up to its cutover; then it fails. Default 7.',
    ),
  PGMOVE_SLOT_WAIT_MINUTES: count(1, 24 * 60)
    .optional()
    .describe(
      'Minutes that a new replication slot may wait for transactions that were open before it. Default 10.',
    ),
  PGMOVE_DECODING_WORK_MEM_MB: count(0, 64 * 1024)
    .optional()
    .describe(
      'Megabytes of memory that the source may use to decode a large transaction, for each database online, before it writes the transaction to its disk (logical_decoding_work_mem, PostgreSQL 13 and later). 0: as the source is set. Default 256.',
    ),
  PGMOVE_SHUTDOWN_GRACE_SECONDS: count(0, 24 * 60 * 60)
    .optional()
    .describe(
      'Seconds that a replicator which was told to end waits for the copies under the snapshots that it holds, because nobody can take those over; streams are handed over at once. Less than what the platform lets a process live on. Default 570.',
    ),
  PGMOVE_ARM_METADATA: z
    .enum(['true', 'false'], 'is neither true nor false')
    .optional()
    .describe(
      'true: tier, storage, region, high availability, replicas and azure.extensions of servers that are resources of Azure are read from Azure Resource Manager, with the managed identity (Reader on them is enough). Default false: the validation says what it did not check.',
    ),
  PGMOVE_ARM_ENDPOINT: httpUrl
    .optional()
    .describe('Azure Resource Manager of another cloud. Default https://management.azure.com.'),
  PG_BIN_DIR: z
    .string()
    .optional()
    .describe(
      'Folder of pg_dump and pg_restore. Default: the newest found in the usual folders and PATH.',
    ),
  PGMOVE_RUNTIME: z
    .string()
    .trim()
    .min(1)
    .max(500, 'is longer than 500 characters')
    .optional()
    .describe(
      'Makes the deployment a worker group of this id (compared without case), which carries only the migrations that name it in migrationInstanceResourceId. It needs a task hub of its own, in AzureFunctionsJobHost__extensions__durableTask__hubName. Default: the deployment carries the migrations that name none, and publishes events.',
    ),
  PGMOVE_TABLE_PREFIX: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9]{0,19}$/, 'is not a letter and up to 19 letters or digits')
    .optional()
    .describe(
      'Put before the names of tables, queues and the blob container, so that several installations share an account. Default: none.',
    ),
  PGMOVE_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .optional()
    .describe(
      'What the replicator logs at least. Default info. The function app: logging.logLevel of host.json.',
    ),
  PGMOVE_METRICS_PORT: count(0, 65_535)
    .optional()
    .describe(
      'Port of the replicator with /metrics for Prometheus and /health; 0: a free one, which the log names. Default: none; 8080 in its image.',
    ),
  PGMOVE_METRICS_ADDRESS: z
    .string()
    .optional()
    .describe(
      'Address that this port listens on. Default 127.0.0.1; 0.0.0.0 in its image, whose port only the platform reaches.',
    ),
  APPLICATIONINSIGHTS_CONNECTION_STRING: z
    .string()
    .optional()
    .describe('Application Insights that gets metrics and spans. Default: none.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl
    .optional()
    .describe(
      'Base address of a collector that gets metrics and spans by OTLP over HTTP. Default: none. OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME and OTEL_TRACES_SAMPLER count as OpenTelemetry documents them.',
    ),
  OTEL_METRIC_EXPORT_INTERVAL: count(100, 24 * 60 * 60 * 1000)
    .optional()
    .describe('Milliseconds between two exports of the metrics. Default 60000.'),
};

const environmentSchema = z.object(ENVIRONMENT);

/**
 * Reads the settings from the environment.
 *
 * @throws MigrationError invalidInput that lists everything that is wrong, by variable.
 */
export function readSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  // An empty variable counts as absent: shells and container files make no difference.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = environmentSchema.safeParse(given);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
  const storage = readStorage(given, problems);
  const secrets = readSecrets(given, problems);
  const webhooks = readWebhooks(given, problems);
  if (problems.length > 0 || !parsed.success || storage === undefined) {
    throw new MigrationError('invalidInput', `The settings are not valid: ${problems.join('; ')}.`);
  }
  const values = parsed.data;
  return {
    storage,
    secrets,
    allowedHosts: commaSeparated(values.PGMOVE_ALLOWED_HOSTS ?? ''),
    auth: values.PGMOVE_AUTH ?? 'key',
    publicHosts: [...commaSeparated(values.PGMOVE_PUBLIC_HOSTS ?? ''), ...platformHosts(given)],
    eventGrid:
      values.EVENT_GRID_TOPIC_ENDPOINT === undefined
        ? undefined
        : { endpoint: values.EVENT_GRID_TOPIC_ENDPOINT, key: values.EVENT_GRID_TOPIC_KEY },
    webhooks,
    latencyWarningSeconds: values.PGMOVE_LATENCY_WARNING_SECONDS ?? 300,
    slotWarningBytes: (values.PGMOVE_SLOT_WARNING_MB ?? 10_240) * 1024 ** 2,
    jobs: values.PGMOVE_JOBS ?? 4,
    retentionDays: values.PGMOVE_RETENTION_DAYS ?? 30,
    failedRetentionHours: values.PGMOVE_FAILED_RETENTION_HOURS ?? 24,
    failedSlotMaxBytes: (values.PGMOVE_FAILED_SLOT_MAX_GB ?? 10) * 1024 ** 3,
    cutoverTimeoutHours: values.PGMOVE_CUTOVER_TIMEOUT_HOURS ?? 72,
    onlineTimeoutDays: values.PGMOVE_ONLINE_TIMEOUT_DAYS ?? 7,
    slotWaitMinutes: values.PGMOVE_SLOT_WAIT_MINUTES ?? 10,
    decodingWorkMemMegabytes: values.PGMOVE_DECODING_WORK_MEM_MB ?? 256,
    shutdownGraceSeconds: values.PGMOVE_SHUTDOWN_GRACE_SECONDS ?? 570,
    ...(values.PGMOVE_ARM_METADATA === 'true'
      ? { arm: { endpoint: values.PGMOVE_ARM_ENDPOINT ?? 'https://management.azure.com' } }
      : {}),
    pgBinDir: values.PG_BIN_DIR,
    tablePrefix: values.PGMOVE_TABLE_PREFIX ?? '',
    runtime: values.PGMOVE_RUNTIME === undefined ? undefined : runtimeIdOf(values.PGMOVE_RUNTIME),
    telemetry: {
      azureMonitor: values.APPLICATIONINSIGHTS_CONNECTION_STRING,
      otlpEndpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT,
      metricIntervalMs: values.OTEL_METRIC_EXPORT_INTERVAL,
    },
    metricsServer:
      values.PGMOVE_METRICS_PORT === undefined
        ? undefined
        : {
            address: values.PGMOVE_METRICS_ADDRESS ?? '127.0.0.1',
            port: values.PGMOVE_METRICS_PORT,
          },
  };
}

/** The name that Azure gave the app: its own proxies in front of us may change the Host header. */
function platformHosts(env: NodeJS.ProcessEnv): string[] {
  const { WEBSITE_HOSTNAME, CONTAINER_APP_NAME, CONTAINER_APP_ENV_DNS_SUFFIX } = env;
  if (CONTAINER_APP_NAME !== undefined && CONTAINER_APP_ENV_DNS_SUFFIX !== undefined) {
    return [`${CONTAINER_APP_NAME}.${CONTAINER_APP_ENV_DNS_SUFFIX}`];
  }
  return WEBSITE_HOSTNAME === undefined ? [] : [WEBSITE_HOSTNAME];
}

function readStorage(env: NodeJS.ProcessEnv, problems: string[]): StorageSettings | undefined {
  const connectionString = env.AzureWebJobsStorage;
  if (connectionString !== undefined) return { kind: 'connectionString', connectionString };
  const accountName = env.AzureWebJobsStorage__accountName;
  if (accountName !== undefined) return { kind: 'identity', accountName };
  problems.push('AzureWebJobsStorage or AzureWebJobsStorage__accountName is needed');
  return undefined;
}

function readWebhooks(env: NodeJS.ProcessEnv, problems: string[]): WebhookSettings {
  const urls = [...new Set(commaSeparated(env.PGMOVE_WEBHOOKS ?? ''))];
  const secrets = commaSeparated(env.PGMOVE_WEBHOOK_SECRET ?? '');
  if (urls.length > 0 && secrets.length === 0) {
    problems.push('PGMOVE_WEBHOOK_SECRET is needed with PGMOVE_WEBHOOKS');
  }
  const origin = env.PGMOVE_WEBHOOK_ORIGIN ?? env.WEBSITE_HOSTNAME ?? 'pgmove';
  return { urls, secrets, origin };
}

function readSecrets(env: NodeJS.ProcessEnv, problems: string[]): SecretSettings {
  const text = env.PGMOVE_SECRETS;
  if (text?.startsWith('https:')) return { kind: 'keyVault', url: text };
  // The disk of a function instance is not shared and does not last.
  if (text === undefined && env.WEBSITE_INSTANCE_ID !== undefined) {
    problems.push('PGMOVE_SECRETS is needed in Azure: the URL of a Key Vault');
  }
  const folder = text?.replace(/^file:/, '') ?? path.join('.pgmove', 'secrets');
  return { kind: 'file', folder: path.resolve(folder) };
}
