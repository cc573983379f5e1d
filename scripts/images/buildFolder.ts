import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { readIgnoreFile } from './ignoreFile.ts';
import type { ImageStage, ImageStep } from './readDockerfile.ts';

export interface BuiltImage {
  /** The image's file system, as far as it comes from the Dockerfile. */
  root: string;
  /** The last WORKDIR, inside of it. */
  workFolder: string;
  /** ENV of the image. */
  environment: Record<string, string>;
  /** RUN steps that change the base image itself; they need Docker. */
  skipped: string[];
}

/**
 * Does in a folder what Docker does with the Dockerfile: the same files are copied (.dockerignore
 * counts) and the same commands run, except those that install something into the base image.
 */
export function buildStages(
  repository: string,
  stages: readonly ImageStage[],
  folder: string,
  note: (text: string) => void,
): Map<string, BuiltImage> {
  const isIgnored = readIgnoreFile(readFileSync(path.join(repository, '.dockerignore'), 'utf8'));
  const built = new Map<string, BuiltImage>();
  for (const stage of stages) {
    const root = path.join(folder, stage.name);
    mkdirSync(root, { recursive: true });
    const image: BuiltImage = { root, workFolder: '/', environment: {}, skipped: [] };
    built.set(stage.name, image);
    for (const step of stage.steps) {
      if (step.keyword === 'WORKDIR') {
        image.workFolder = path.posix.resolve(image.workFolder, step.text);
        mkdirSync(inside(image, '.'), { recursive: true });
      }
      if (step.keyword === 'ENV') Object.assign(image.environment, readEnvironment(step.text));
      if (step.keyword === 'COPY') copy(image, step, built, repository, isIgnored);
      if (step.keyword === 'RUN') run(image, step, stage, note);
    }
  }
  return built;
}

/** Where a path of the image is on this machine. */
export function inside(image: BuiltImage, file: string): string {
  return path.join(image.root, path.posix.resolve(image.workFolder, file));
}

function copy(
  image: BuiltImage,
  step: ImageStep,
  built: ReadonlyMap<string, BuiltImage>,
  repository: string,
  isIgnored: (file: string) => boolean,
): void {
  const origin = step.from === undefined ? undefined : built.get(step.from);
  if (step.from !== undefined && origin === undefined) {
    throw new Error(`Dockerfile line ${step.line}: there is no stage ${step.from} before.`);
  }
  for (const source of step.sources) {
    const from = origin ? path.join(origin.root, source) : path.join(repository, source);
    if (!existsSync(from)) throw new Error(`Dockerfile line ${step.line}: no ${source}.`);
    const isFolder = statSync(from).isDirectory();
    const target = inside(image, step.destination);
    // Docker copies what is in a folder, and a file into a destination that ends in a slash.
    const to =
      isFolder || !step.destination.endsWith('/') ? target : path.join(target, path.basename(from));
    cpSync(from, to, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (file) =>
        origin !== undefined ||
        statSync(file).isDirectory() ||
        !isIgnored(path.relative(repository, file).replaceAll(path.sep, '/')),
    });
  }
}

function run(
  image: BuiltImage,
  step: ImageStep,
  stage: ImageStage,
  note: (text: string) => void,
): void {
  if (/^(apt-get|apk|useradd|groupadd)\b/.test(step.text)) {
    image.skipped.push(step.text);
    return;
  }
  note(`${stage.name}: ${step.text}`);
  const result = spawnSync('sh', ['-euc', step.text], {
    cwd: inside(image, '.'),
    stdio: ['ignore', 2, 2],
    env: { ...process.env, ...image.environment },
  });
  if (result.status !== 0) {
    throw new Error(`Dockerfile line ${step.line}: "${step.text}" ended with ${result.status}.`);
  }
}

function readEnvironment(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/([A-Za-z_]\w*)=(\S+)/g)].map(([, name = '', value = '']) => [name, value]),
  );
}
