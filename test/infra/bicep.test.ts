import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { HOST_SETTINGS } from '../../scripts/docs/settingsReference.ts';
import { readDockerfile } from '../../scripts/images/readDockerfile.ts';
import { ENVIRONMENT } from '../../shared/config/settings.ts';
import { QUEUES } from '../../shared/contracts/names.ts';
import { TASK_HUB_SETTING, taskHubOf } from '../../shared/contracts/runtimes.ts';
import { queueNameOf } from '../../shared/state/storageNames.ts';
import { root } from '../project/sources.ts';
import { bracketProblems, readBicep } from './support/readBicep.ts';

/*
 * What is checked here needs no compiler: structure, names, roles, keys. Not checked without one: the
 * types of resources and of the verified modules' parameters, and functions' arguments. The last test
 * compiles where `bicep` is on the PATH, as the workflow has it. Nothing here deploys.
 */

const modulesFolder = path.join(root, 'infra/modules');
const files = new Map(
  [
    'infra/main.bicep',
    'infra/workerGroup.bicep',
    'examples/bicep/createMigration.bicep',
    ...readdirSync(modulesFolder).map((name) => `infra/modules/${name}`),
  ].map((file) => [file, readBicep(path.join(root, file))]),
);

function fileOf(name: string) {
  const found = files.get(name);
  if (found === undefined) throw new Error(`There is no ${name}.`);
  return found;
}

const main = fileOf('infra/main.bicep');
const infraCode = [...files].filter(([name]) => name.startsWith('infra/'));

test('every bracket has its partner', () => {
  for (const [name, { code }] of files) expect(bracketProblems(code), name).toEqual([]);
});

test('every parameter and variable is used', () => {
  for (const [name, { code, params, variables }] of files) {
    const unused = [...params.map((param) => param.name), ...variables].filter(
      (word) => [...code.matchAll(new RegExp(`\\bin ${word}:|\\b${word}\\b(?!:)`, 'g'))].length < 2,
    );
    expect(unused, name).toEqual([]);
  }
});

test('modules of ours are there, get what they need and nothing else', () => {
  for (const [name, file] of files) {
    for (const { symbol, source, params } of file.modules) {
      if (source.startsWith('br/public:')) continue;
      const wanted = files.get(path.posix.join(path.posix.dirname(name), source));
      if (wanted === undefined) throw new Error(`${name}: ${source} does not exist.`);
      const known = wanted.params.map((param) => param.name);
      expect(
        params.filter((param) => !known.includes(param)),
        `${name}: ${symbol}`,
      ).toEqual([]);
      const required = wanted.params.filter(({ isRequired }) => isRequired);
      const missing = required.filter((param) => !params.includes(param.name));
      expect(missing, `${name}: ${symbol}`).toEqual([]);
      const read = [...file.code.matchAll(new RegExp(`\\b${symbol}\\.\\??outputs\\.(\\w+)`, 'g'))];
      for (const [, output = ''] of read) expect(wanted.outputs, symbol).toContain(output);
    }
  }
});

test('every name that is read is declared', () => {
  for (const [name, { code, modules, resources, params, variables }] of files) {
    const declared = new Set([
      ...[...modules, ...resources].map(({ symbol }) => symbol),
      ...params.map((param) => param.name),
      ...variables,
      ...[...code.matchAll(/\b(\w+) =>|for (\w+) in/g)].map(([, a, b]) => a ?? b ?? ''),
      'az',
    ]);
    const bare = code.replaceAll(/'(?:\\.|[^'\\])*'/g, (text) =>
      [...text.matchAll(/\$\{([^}]*)\}/g)].map(([, inner]) => ` ${inner} `).join(' '),
    );
    const read = [...bare.matchAll(/(?<![.\w?])([a-z]\w*)\.\??[a-z]/gi)].map(
      ([, word = '']) => word,
    );
    expect(
      read.filter((word) => !declared.has(word)),
      name,
    ).toEqual([]);
  }
});

test('versions of modules and of resources are fixed', () => {
  for (const [name, { modules, resources }] of files) {
    for (const { source } of modules.filter((module) => module.source.startsWith('br/'))) {
      expect(source, name).toMatch(/^br\/public:avm\/res\/[a-z/-]+:\d+\.\d+\.\d+$/);
    }
    for (const { type, apiVersion } of resources) {
      expect(type, name).toMatch(/^Microsoft\.[A-Za-z]+(\/[A-Za-z]+)+$/);
      expect(apiVersion, `${name}: ${type}`).toMatch(/^20\d\d-\d\d-\d\d$/);
    }
  }
});

test("azd's parameters are those of the template, and it gets the outputs that it needs", () => {
  const { parameters } = JSON.parse(
    readFileSync(path.join(root, 'infra/main.parameters.json'), 'utf8'),
  ) as { parameters: Record<string, { value: string }> };
  const known = main.params.map(({ name }) => name);
  expect(Object.keys(parameters).filter((name) => !known.includes(name))).toEqual([]);
  const required = main.params.filter(({ isRequired }) => isRequired).map(({ name }) => name);
  expect(required.filter((name) => !(name in parameters))).toEqual([]);
  // A variable that azd does not set needs a default, or `azd up` asks or stops.
  for (const [name, { value }] of Object.entries(parameters)) {
    expect(value, name).toMatch(/^\$\{(?:AZURE_ENV_NAME|AZURE_LOCATION|\w+=.*)\}$/);
  }
  for (const output of [
    'AZURE_CONTAINER_REGISTRY_ENDPOINT',
    'AZURE_CONTAINER_ENVIRONMENT_NAME',
    'AZURE_RESOURCE_GROUP',
    'AZURE_LOCATION',
    'PGMOVE_URL',
  ]) {
    expect(main.outputs).toContain(output);
  }
});

test("azure.yaml's services are targets of the Dockerfile and tags of container apps", () => {
  const { services } = parse(readFileSync(path.join(root, 'azure.yaml'), 'utf8')) as {
    services: Record<string, { host: string; docker: { path: string; target: string } }>;
  };
  const targets = readDockerfile(path.join(root, 'Dockerfile')).map(({ name }) => name);
  expect(Object.keys(services)).toEqual(['functions', 'replicator']);
  for (const [name, { host, docker }] of Object.entries(services)) {
    expect(host).toBe('containerapp');
    expect(targets).toContain(docker.target);
    expect(existsSync(path.join(root, docker.path))).toBe(true);
    const tagged = infraCode.filter(([, { code }]) =>
      code.includes(`'azd-service-name': '${name}'`),
    );
    expect(tagged, name).toHaveLength(1);
  }
});

/** https://learn.microsoft.com/azure/role-based-access-control/built-in-roles */
const ROLES: Record<string, string> = {
  'b7e6dc6d-f1e8-4753-8033-0f276bb0955b': 'Storage Blob Data Owner',
  '974c5e8b-45b9-4653-ba55-5f855dd0fb88': 'Storage Queue Data Contributor',
  '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3': 'Storage Table Data Contributor',
  'b86a8fe4-44ce-4948-aee5-eccb2c155cd7': 'Key Vault Secrets Officer',
  'd5a91429-5739-47e2-a06b-3470a27159e7': 'EventGrid Data Sender',
  '7f951dda-4ed3-4680-a7ca-43fe172d538d': 'AcrPull',
  '3913510d-42f4-4e42-8a64-420c390055eb': 'Monitoring Metrics Publisher',
  'acdd72a7-3385-48ef-bd42-f606fba81ae7': 'Reader',
};

test('the identity has exactly the roles that docs/security.md lists', () => {
  const guid = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g;
  const given = infraCode.flatMap(([, { code }]) => code.match(guid) ?? []);
  expect(given.toSorted()).toEqual(Object.keys(ROLES).toSorted());
  const text = readFileSync(path.join(root, 'docs/security.md'), 'utf8');
  for (const [id, name] of Object.entries(ROLES)) {
    expect(
      infraCode.some(([, file]) => file.text.includes(name)),
      name,
    ).toBe(true);
    expect(text, id).toContain(`| ${name} |`);
  }
});

test('servers are read where they are, and asked for only where they may be read', () => {
  expect(main.code).toMatch(
    /for \(serverGroup, index\) in serverGroups: \{\s+name: .*\n\s+scope: resourceGroup\(/,
  );
  // Without a scope of its own the role is given on the whole resource group, and on nothing above it.
  const reader = fileOf('infra/modules/serverReader.bicep').code;
  expect(reader).not.toMatch(/scope:|targetScope/);
  expect(main.code).toContain("empty(serverGroups) ? {} : { PGMOVE_ARM_METADATA: 'true' }");
  // A boolean as Bicep writes it ('True') is none of the values.
  const lines = infraCode.flatMap(([, { code }]) => code.match(/PGMOVE_ARM_METADATA: .*/g) ?? []);
  expect(lines).toHaveLength(2);
  for (const line of lines) {
    const values = [...line.matchAll(/'(\w+)'/g)].map(([, value]) => value);
    expect(values).toContain('true');
    for (const value of values) {
      expect(ENVIRONMENT.PGMOVE_ARM_METADATA.safeParse(value).success, line).toBe(true);
    }
  }
});

/** https://learn.microsoft.com/azure/private-link/private-endpoint-dns */
const ZONES = {
  blob: 'privatelink.blob.${environment().suffixes.storage}',
  queue: 'privatelink.queue.${environment().suffixes.storage}',
  table: 'privatelink.table.${environment().suffixes.storage}',
  vault: 'privatelink.vaultcore.azure.net',
  topic: 'privatelink.eventgrid.azure.net',
};

test('what is reached by a private endpoint has its zone and is closed to the public', () => {
  const zones: Record<string, string> = {};
  const closed: string[] = [];
  for (const [name, { code, modules }] of infraCode) {
    const made = modules.filter(({ source }) => /network\/private-/.test(source));
    expect(made.length, name).toBe(name.endsWith('/privateEndpoint.bicep') ? 2 : 0);
    if (!modules.some(({ source }) => source === 'privateEndpoint.bicep')) continue;
    closed.push(path.basename(name, '.bicep'));
    expect(code, name).toContain("publicNetworkAccess: privateEndpoints ? 'Disabled' : 'Enabled'");
    expect(code, name).toMatch(/(?:: |= )if \(privateEndpoints\) \{\s+name: 'privateEndpoint-/);
    const found = /groupId: (\S+)\n\s+zoneName: '(.+)'\n/.exec(code);
    const [, group = '', zone = ''] = found ?? [];
    const services = /var services = \[(.+)\]/.exec(code)?.[1] ?? group;
    for (const [, service = ''] of services.matchAll(/'(\w+)'/g)) {
      zones[service] = zone.replace('${service}', service);
    }
  }
  expect(zones).toEqual(ZONES);
  // Each of them is asked for it, and gets the network.
  const asked = main.modules.filter(({ params }) => params.includes('privateEndpoints'));
  expect(asked.map(({ symbol }) => symbol).toSorted()).toEqual(closed.toSorted());
  expect(main.code.match(/privateEndpoints: usePrivateEndpoints\n/g)).toHaveLength(asked.length);
});

test('nobody uses a key of the storage account, and no secret is a setting', () => {
  const storage = fileOf('infra/modules/storage.bicep').code;
  expect(storage).toContain('allowSharedKeyAccess: false');
  for (const [name, { code }] of infraCode) {
    expect(code, name).not.toMatch(/AccountKey|primaryKey|adminUserEnabled: true|SharedAccess/i);
    // The one exception: the platform's own log shipping, which knows no identity.
    const keys = code.match(/listKeys\(\)/g) ?? [];
    expect(keys.length, name).toBe(name.endsWith('containerEnvironment.bicep') ? 1 : 0);
  }
  expect(fileOf('infra/modules/eventGrid.bicep').code).toContain('disableLocalAuth: true');
  expect(fileOf('infra/modules/eventGrid.bicep').code).toContain("'CloudEventSchemaV1_0'");
});

test('what is set is read by somebody', () => {
  const set = infraCode.flatMap(([, { code }]) =>
    [
      ...code.matchAll(/\b((?:PGMOVE|AzureWebJobs|FUNCTIONS|EVENT_GRID|AZURE_CLIENT|APPLI)\w*): /g),
    ].map(([, name = '']) => name),
  );
  expect(set.length).toBeGreaterThan(10);
  const unknown = set.filter((name) => !(name in HOST_SETTINGS) && !(name in ENVIRONMENT));
  expect(unknown).toEqual([]);
  expect(infraCode.flatMap(([, { code }]) => code.match(/PGMOVE_AUTH: '\w+'/g) ?? [])).toEqual([
    "PGMOVE_AUTH: 'entra'",
    "PGMOVE_AUTH: 'entra'",
  ]);
  expect(ENVIRONMENT.PGMOVE_AUTH.safeParse('entra').success).toBe(true);
});

test('the replicator is scaled by its live sessions, to nobody and not away', () => {
  const { code } = fileOf('infra/modules/replicator.bicep');
  const queue = fileOf('infra/modules/storage.bicep').code;
  expect(queue).toContain(`var sessionsQueue = '${QUEUES.replicatorSessions}'`);
  expect(code).toContain("type: 'azure-queue'");
  expect(code).toContain("queueLengthStrategy: 'all'");
  expect(code).toContain('minReplicas: 0');
  expect(code).toContain('terminationGracePeriodSeconds: 600');
  expect(fileOf('infra/modules/functionsContainerApp.bicep').code).toMatch(
    /@minValue\(1\)\nparam minReplicas/,
  );
});

test("a worker group's queue and task hub are those that the code asks for", () => {
  const { code } = fileOf('infra/workerGroup.bicep');
  const filled = code.replaceAll('${runtimeId}', 'onprem1');
  expect(filled).toContain(`name: '${queueNameOf(QUEUES.replicatorSessions, '', 'onprem1')}'`);
  expect(filled).toContain(`${TASK_HUB_SETTING}: '${taskHubOf('onprem1')}'`);
  expect(code).toContain('external: false');
});

test('a run of a function has no limit of time, on both hostings', () => {
  const host = JSON.parse(readFileSync(path.join(root, 'host.json'), 'utf8')) as {
    functionTimeout: string;
  };
  expect(host.functionTimeout).toBe('-1');
});

test('the example reads its script, and the script is one that bash understands', () => {
  const example = fileOf('examples/bicep/createMigration.bicep');
  expect(example.code).toContain("loadTextContent('createMigration.sh')");
  const script = path.join(root, 'examples/bicep/createMigration.sh');
  expect(spawnSync('bash', ['-n', script], { encoding: 'utf8' }).stderr).toBe('');
  // What the script reads is what the example sets.
  const text = readFileSync(script, 'utf8');
  const set = [...example.code.matchAll(/name: '([A-Z_]+)'/g)].map(([, name = '']) => name);
  expect(set.filter((name) => !text.includes(name))).toEqual([]);
});

const hasCompiler = spawnSync('bicep', ['--version']).status === 0;

test.skipIf(!hasCompiler)('the compiler accepts it (only where bicep is on the PATH)', () => {
  for (const file of [
    'infra/main.bicep',
    'infra/workerGroup.bicep',
    'examples/bicep/createMigration.bicep',
  ]) {
    for (const command of ['build', 'lint']) {
      const args = command === 'build' ? [command, file, '--stdout'] : [command, file];
      const result = spawnSync('bicep', args, { cwd: root, encoding: 'utf8' });
      expect(result.stderr, `${command} ${file}`).not.toMatch(/: Error /);
      expect(result.status, `${command} ${file}`).toBe(0);
    }
  }
});
