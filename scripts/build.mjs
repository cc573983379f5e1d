// `npm run build`: TypeScript to dist/, the dashboard, the files that the code reads beside it, and nothing of
// what is no longer in the sources (the host would load a function that was deleted).
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Files that are read at run time from beside the compiled code. */
const COPIED = /\.(sql|json)$/;
/** Built by Vite; the other folders by the TypeScript compiler. */
const DASHBOARD = 'web';
const OUTPUT = /\.js(\.map)?$/;

/**
 * @param {string} root
 * @param {string} node
 * @returns {boolean} whether it succeeded.
 */
export function build(root, node = process.execPath) {
  const startedAt = new Date();
  const result = spawnSync(
    node,
    [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'],
    {
      cwd: root,
      stdio: ['ignore', 2, 2],
    },
  );
  const dist = path.join(root, 'dist');
  for (const folder of sourceFolders(root)) {
    for (const file of filesIn(path.join(root, folder))) {
      if (COPIED.test(file)) copy(file, path.join(dist, path.relative(root, file)));
    }
    removeOrphans(path.join(dist, folder), path.join(root, folder));
  }
  if (result.status !== 0 || !buildDashboard(root, node)) return false;
  // The time of the start: a source that changed during the build must count as newer.
  writeFileSync(stampOf(root), '');
  utimesSync(stampOf(root), startedAt, startedAt);
  return true;
}

/** Vite puts the dashboard into dist/web, where the function app looks for it. */
function buildDashboard(root, node) {
  const folder = path.join(root, DASHBOARD);
  if (!existsSync(folder)) return true;
  const vite = path.join(root, 'node_modules/vite/bin/vite.js');
  const result = spawnSync(node, [vite, 'build', folder, '--logLevel', 'warn'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  return result.status === 0;
}

/** Builds when a source is newer than the last build. */
export function buildIfNeeded(root, node) {
  return isCurrent(root) || build(root, node);
}

function isCurrent(root) {
  const stamp = statSync(stampOf(root), { throwIfNoEntry: false });
  if (stamp === undefined) return false;
  const isOlder = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs < stamp.mtimeMs;
  if (!['tsconfig.json', 'tsconfig.build.json'].every((name) => isOlder(path.join(root, name))))
    return false;
  const folders = [...sourceFolders(root), DASHBOARD];
  return folders.every((folder) => {
    if (!existsSync(path.join(root, folder))) return true;
    for (const file of filesIn(path.join(root, folder), true)) if (!isOlder(file)) return false;
    return true;
  });
}

function stampOf(root) {
  return path.join(root, 'dist', '.built');
}

function sourceFolders(root) {
  const config = JSON.parse(readFileSync(path.join(root, 'tsconfig.build.json'), 'utf8'));
  return config.include.filter((folder) => existsSync(path.join(root, folder)));
}

/** Folders count too where asked: theirs is the time at which a file was removed. */
function* filesIn(folder, withFolders = false) {
  if (withFolders) yield folder;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* filesIn(full, withFolders);
    else yield full;
  }
}

function copy(from, to) {
  mkdirSync(path.dirname(to), { recursive: true });
  copyFileSync(from, to);
}

function removeOrphans(outputFolder, sourceFolder) {
  if (!existsSync(outputFolder)) return;
  for (const file of filesIn(outputFolder)) {
    const name = path.relative(outputFolder, file);
    const source = OUTPUT.test(name) ? name.replace(OUTPUT, '.ts') : name;
    if (!existsSync(path.join(sourceFolder, source))) rmSync(file, { force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
  process.exitCode = build(root) ? 0 : 1;
}
