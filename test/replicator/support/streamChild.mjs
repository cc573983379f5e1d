// A stream in a process of its own, for tests that kill it or measure it. The built session runs
// until it is killed; at the fail point `killAt` it kills itself. Each report is a line of JSON.
import { pathToFileURL } from 'node:url';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';

// As the replicator's process does it.
setFlagsFromString('--heap-growing-percent=40');

const root = path.resolve(import.meta.dirname, '../../..');
const { runStream } = await import(
  pathToFileURL(path.join(root, 'dist/replicator/stream/session.js')).href
);
const { killAt, killAfter = 1, ...options } = JSON.parse(process.argv[2] ?? '{}');
const names = ['transactions', 'incoming', 'applied', 'inserts', 'updates', 'deletes', 'truncates'];
let passed = 0;

try {
  await runStream({
    ...options,
    signal: new AbortController().signal,
    drainTo: () => undefined,
    counters: Object.fromEntries(names.map((name) => [name, 0])),
    onReport: ({ stage, status }) => {
      const { rss } = process.memoryUsage();
      const { maxRSS } = process.resourceUsage();
      console.log(JSON.stringify({ stage, status, rss, maxRss: maxRSS * 1024 }));
    },
    failPoint: (name) => {
      if (name !== killAt) return;
      passed += 1;
      if (passed >= killAfter) process.kill(process.pid, 'SIGKILL');
    },
  });
} catch (error) {
  console.log(JSON.stringify({ failure: String(error), kind: error?.kind }));
  process.exitCode = 1;
}
