/** Writes docs/settings.md from the schema: `node scripts/docs/settingsReference.ts`. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ENVIRONMENT } from '../../shared/config/settings.ts';

export const SETTINGS_FILE = fileURLToPath(new URL('../../docs/settings.md', import.meta.url));

/** Settings that others read: the Functions host, the identity library. */
export const HOST_SETTINGS: Readonly<Record<string, string>> = {
  FUNCTIONS_WORKER_RUNTIME: 'The Functions host: `node`.',
  FUNCTIONS_EXTENSION_VERSION: 'The Functions host in Azure: `~4`.',
  AzureWebJobsDisableHomepage:
    'The Functions host: `true`, so that `/` leads to the dashboard instead of its own page.',
  AzureWebJobsStorage__credential:
    'The Functions host and the Durable extension: `managedidentity`, with `AzureWebJobsStorage__accountName`.',
  AzureWebJobsStorage__clientId:
    'The Functions host and the Durable extension: client id of a user-assigned identity.',
  AZURE_CLIENT_ID:
    'The identity library, in both parts: client id of a user-assigned identity, for storage, vault, events and PostgreSQL.',
  AzureWebJobsSecretStorageType:
    'The Functions host: where function keys are. `keyvault` in the templates, because Container Apps have no other store without a storage key.',
  AzureWebJobsSecretStorageKeyVaultUri: 'The Functions host: the vault of the function keys.',
  AzureWebJobsSecretStorageKeyVaultClientId:
    'The Functions host: client id of the identity that reads them.',
  APPLICATIONINSIGHTS_CONNECTION_STRING:
    'The Functions host: the Application Insights that gets its requests, dependencies and logs.',
  AzureFunctionsJobHost__extensions__durableTask__hubName:
    'The Functions host: another task hub than the one of host.json, for a worker group or a second installation in one account.',
};

const INTRODUCTION = `# Settings

Generated from \`shared/config/settings.ts\` by \`npm run docs\`; a test compares it.

Settings are environment variables: application settings of the function app and of the replicator in Azure,
\`local.settings.json\` (as \`local.settings.sample.json\`) for \`func start\`, the shell for \`pgmove up\`. Both parts read the same
ones, and both need the first three. An empty value counts as none. What is wrong is said all at once, by name, in the log and at
\`/health\`.
`;

export function renderSettingsReference(): string {
  const own = Object.entries(ENVIRONMENT).map(([name, schema]) => [name, schema.description ?? '']);
  return [
    INTRODUCTION,
    '## Of pgmove\n',
    table(own),
    '## Of the Functions host and the identity library\n',
    table(Object.entries(HOST_SETTINGS)),
    `How much runs at once in one instance (\`maxConcurrentActivityFunctions\`), how often queues are asked and that a run has no limit of
time (\`functionTimeout\`) is in \`host.json\`; each value can be replaced by a setting \`AzureFunctionsJobHost__…\`.\n`,
  ].join('\n');
}

function table(rows: readonly (readonly string[])[]): string {
  const lines = rows.map(([name, text]) => `| \`${name}\` | ${text?.replaceAll('|', '\\|')} |`);
  return ['| Setting | Meaning |', '| --- | --- |', ...lines, ''].join('\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await writeFile(SETTINGS_FILE, renderSettingsReference());
}
