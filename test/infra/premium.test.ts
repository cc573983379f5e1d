import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { root } from '../project/sources.ts';
import { readBicep } from './support/readBicep.ts';

/*
 * The function app on a Premium plan, which azd has no host for: the condition of azure.yaml is evaluated by a shell,
 * which knows the same expansions as azd, and the hook is run with an az and an azd that write down how they were called.
 * Not checked: what Azure makes of the commands.
 */

const azure = parse(readFileSync(path.join(root, 'azure.yaml'), 'utf8')) as {
  services: Record<string, { condition?: string }>;
  hooks: { postdeploy: { posix: { shell: string; run: string }; windows: { run: string } } };
};
const hook = azure.hooks.postdeploy;
const main = readBicep(path.join(root, 'infra/main.bicep'));

const ENVIRONMENT = {
  AZURE_ENV_NAME: 'migrations',
  AZURE_SUBSCRIPTION_ID: '11111111-2222-3333-4444-555555555555',
  AZURE_RESOURCE_GROUP: 'rg-migrations',
  AZURE_CONTAINER_REGISTRY_ENDPOINT: 'crpgmoveabc.azurecr.io',
  SERVICE_FUNCTIONS_NAME: 'func-pgmove-abc',
};

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'pgmove-premium-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Writes down its arguments and the folder that it was called in. */
function addProgram(name: string, exitCode = 0) {
  const file = path.join(folder, name);
  const line = `printf '%s\\n' "${name} $*" "$PWD" >> '${path.join(folder, 'calls')}'`;
  writeFileSync(file, `#!/bin/sh\n${line}\nexit ${exitCode}\n`);
  chmodSync(file, 0o755);
}

function runHook(env: Record<string, string>, PATH = `${folder}:/usr/bin:/bin`) {
  const { shell, run } = hook.posix;
  expect(shell).toBe('sh');
  const result = spawnSync('/bin/sh', ['-c', run], {
    cwd: root,
    encoding: 'utf8',
    env: { PATH, ...env },
  });
  const calls = path.join(folder, 'calls');
  const lines = existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : [];
  return {
    status: result.status,
    stderr: result.stderr,
    commands: lines.filter((_line, index) => index % 2 === 0),
    folders: lines.filter((_line, index) => index % 2 === 1),
  };
}

test('azd deploys the function app where it runs on Container Apps, and nowhere else', () => {
  const hostings = /@allowed\(\[(.+)\]\)\nparam hosting string = '(\w+)'/.exec(main.code);
  const allowed = [...(hostings?.[1] ?? '').matchAll(/'(\w+)'/g)].map(([, name = '']) => name);
  expect(allowed).toEqual(['containerApps', 'premium']);
  expect(hostings?.[2]).toBe('containerApps');
  const { condition } = azure.services.functions ?? {};
  const evaluate = (env: Record<string, string>) =>
    spawnSync('sh', ['-c', `printf %s "${condition}"`], { encoding: 'utf8', env }).stdout;
  expect(evaluate({})).toBe('true');
  for (const hosting of allowed) {
    // azd takes 1, true and yes as true, and everything else as false.
    const isDeployed = /^(?:1|true|yes)$/i.test(evaluate({ PGMOVE_HOSTING: hosting }));
    expect(isDeployed, hosting).toBe(hosting === 'containerApps');
  }
  expect(azure.services.replicator).not.toHaveProperty('condition');
});

test('the hook does nothing where azd has deployed everything', () => {
  addProgram('az');
  addProgram('azd');
  const environments: Record<string, string>[] = [{}, { PGMOVE_HOSTING: 'containerApps' }];
  for (const env of environments) {
    expect(runHook(env)).toEqual({ status: 0, stderr: '', commands: [], folders: [] });
  }
});

test('the hook builds the image, names it to the function app and keeps its name', () => {
  addProgram('az');
  addProgram('azd');
  const { status, stderr, commands, folders } = runHook({
    ...ENVIRONMENT,
    PGMOVE_HOSTING: 'premium',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const image = /pgmove\/functions:azd-deploy-\d+/.exec(commands[0] ?? '')?.[0];
  expect(image).toBeDefined();
  const subscription = ENVIRONMENT.AZURE_SUBSCRIPTION_ID;
  expect(commands).toEqual([
    `az acr build --subscription ${subscription} --registry crpgmoveabc --platform linux/amd64 --file Dockerfile --target functions --image ${image} .`,
    `az functionapp config container set --subscription ${subscription} --resource-group rg-migrations --name func-pgmove-abc --image crpgmoveabc.azurecr.io/${image} --output none`,
    `azd env set SERVICE_FUNCTIONS_IMAGE_NAME crpgmoveabc.azurecr.io/${image} --environment migrations`,
  ]);
  // The last argument of the build is the folder with the Dockerfile.
  expect(folders[0]).toBe(root.replace(/\/$/, ''));
});

test('an image that could not be built is named to nobody', () => {
  addProgram('az', 7);
  addProgram('azd');
  const { status, commands } = runHook({ ...ENVIRONMENT, PGMOVE_HOSTING: 'premium' });
  expect(status).toBe(7);
  expect(commands).toHaveLength(1);
});

test('without the Azure CLI the hook says what is missing', () => {
  symlinkSync('/bin/sh', path.join(folder, 'sh'));
  const { status, stderr } = runHook({ ...ENVIRONMENT, PGMOVE_HOSTING: 'premium' }, folder);
  expect(status).toBe(1);
  expect(stderr).toContain('Azure CLI (az)');
});

test('what the hook reads is an output of the template, a parameter or set by azd', () => {
  const script = readFileSync(path.join(root, 'infra/deployPremium.sh'), 'utf8');
  const read = [...script.matchAll(/\$\{?([A-Z][A-Z_]+)/g)].map(([, name = '']) => name);
  expect(read).toContain('SERVICE_FUNCTIONS_NAME');
  const byAzd = ['AZURE_ENV_NAME', 'AZURE_SUBSCRIPTION_ID'];
  const parameters = readFileSync(path.join(root, 'infra/main.parameters.json'), 'utf8');
  const unknown = read.filter(
    (name) =>
      !main.outputs.includes(name) && !byAzd.includes(name) && !parameters.includes(`\${${name}=`),
  );
  expect(unknown).toEqual([]);
  // The name of the image is kept where the template takes it from.
  expect(parameters).toContain('${SERVICE_FUNCTIONS_IMAGE_NAME=}');
  expect(hook.windows.run).toContain('infra/deployPremium.sh');
});

const hasShellcheck = spawnSync('shellcheck', ['--version']).status === 0;

test.skipIf(!hasShellcheck)('the hook is a clean POSIX script (only where shellcheck is)', () => {
  const result = spawnSync('shellcheck', ['--shell=sh', 'infra/deployPremium.sh'], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(result.stdout).toBe('');
  expect(result.status).toBe(0);
});
