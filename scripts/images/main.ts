/**
 * `npm run check:images [-- --keep]`: builds what the Dockerfile builds in a folder, without Docker,
 * looks at what is in it, and starts both parts from there against Azurite.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { appRoot } from '../../cli/appRoot.ts';
import { REPLICATOR_FLAGS } from '../../cli/stack/replicatorFlags.ts';
import { startAzurite } from '../azurite.ts';
import { freePort } from '../freePort.ts';
import { buildStages, inside } from './buildFolder.ts';
import type { BuiltImage } from './buildFolder.ts';
import { complaintsAbout, filesBelow } from './contents.ts';
import { readDockerfile } from './readDockerfile.ts';
import { startPart, waitForHealth } from './startImage.ts';
import type { StartedPart } from './startImage.ts';

const ROOT = appRoot();
const TARGETS = ['functions', 'replicator'] as const;

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Packages that are in the lock file for development only, and those that the image takes out. */
function unwantedPackages(): string[] {
  const { devDependencies } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  return [...Object.keys(devDependencies), 'azurite', 'commander'];
}

function checkContents(target: string, image: BuiltImage): string[] {
  const files = filesBelow(image.root);
  const ours = files.filter((file) => !file.includes('node_modules/'));
  note(`${target}: ${files.length} files, ${ours.length} of them ours`);
  for (const step of image.skipped)
    note(`${target}: not run without Docker: ${step.slice(0, 60)}…`);
  return complaintsAbout(image.root, files, unwantedPackages()).map(
    (complaint) => `${target}: ${complaint}`,
  );
}

async function checkHealth(images: ReadonlyMap<string, BuiltImage>, folder: string): Promise<void> {
  const functions = images.get('functions');
  const replicator = images.get('replicator');
  if (functions === undefined || replicator === undefined) throw new Error('A target is missing.');
  await using azurite = await startAzurite();
  const [hostPort, replicatorPort] = [await freePort(), await freePort()];
  const environment = (image: BuiltImage): NodeJS.ProcessEnv => ({
    ...image.environment,
    AzureWebJobsStorage: azurite.connectionString,
    PGMOVE_SECRETS: `file:${path.join(folder, 'secrets')}`,
  });
  // The image's own host is Microsoft's; the local one stands in for it, with the image's app.
  const host = path.join(ROOT, 'dist/host/main.js');
  const appRoot = inside(functions, '.');
  const parts: [string, string, StartedPart][] = [
    [
      'replicator',
      `http://127.0.0.1:${replicatorPort}/health`,
      startPart(inside(replicator, '.'), [...REPLICATOR_FLAGS, 'dist/replicator/main.js'], {
        ...environment(replicator),
        PGMOVE_METRICS_PORT: String(replicatorPort),
      }),
    ],
    [
      'functions',
      `http://127.0.0.1:${hostPort}/health`,
      startPart(
        appRoot,
        [host, '--app-root', appRoot, '--port', String(hostPort)],
        environment(functions),
      ),
    ],
  ];
  try {
    for (const [name, url, part] of parts) {
      await waitForHealth(url, 60_000).catch((error: unknown) => {
        throw new Error(`${name}: ${String(error)}\n${part.log()}`, { cause: error });
      });
      note(`${name}: healthy`);
    }
    await waitForHealth(`http://127.0.0.1:${hostPort}/ui/`, 10_000);
    note('functions: the dashboard is there');
  } finally {
    const codes = await Promise.all(parts.map(([, , part]) => part.stop()));
    note(`ended by SIGTERM with ${codes.join(' and ')}`);
    if (codes.some((code) => code !== 0)) process.exitCode = 1;
  }
}

async function main(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'pgmove-images-'));
  const keeps = process.argv.includes('--keep');
  try {
    const stages = readDockerfile(path.join(ROOT, 'Dockerfile'));
    const images = buildStages(ROOT, stages, folder, note);
    const complaints = TARGETS.flatMap((target) => {
      const image = images.get(target);
      return image === undefined ? [`There is no target ${target}.`] : checkContents(target, image);
    });
    for (const complaint of complaints) note(complaint);
    if (complaints.length > 0) process.exitCode = 1;
    await checkHealth(images, folder);
    note(
      process.exitCode === 1 ? 'The images are not right; see above.' : 'Both images are right.',
    );
  } finally {
    if (keeps) note(`kept: ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

await main();
