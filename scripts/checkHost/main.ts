/**
 * `npm run check:host -- URL [vitest arguments]`: the end-to-end tests against a Functions host that runs
 * already. PGMOVE_FUNCTION_KEY is sent where the host asks for keys.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { appRoot } from '../../cli/appRoot.ts';
import { LEFT_OUT } from './leftOut.ts';

const ROOT = appRoot();

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function answerOf(url: URL): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(30_000) });
    const text = await response.text();
    return response.ok ? '' : `${url.href} answered ${response.status}: ${text.slice(0, 300)}`;
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    return `${url.href} does not answer: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
}

async function main(): Promise<number> {
  const [given = '', ...rest] = process.argv.slice(2);
  const url = URL.parse(given);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    note('Usage: npm run check:host -- URL [vitest arguments], as http://127.0.0.1:7071');
    return 2;
  }
  for (const page of ['/health', '/openapi.json']) {
    const complaint = await answerOf(new URL(page, url));
    if (complaint === '') continue;
    note(complaint);
    return 1;
  }
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)) {
    note(
      'The tests start their servers on 127.0.0.1 of this machine: the host has to reach them there.',
    );
  }
  note(`${url.origin} is healthy. Left out, because they need a stack of their own:`);
  for (const [file, reason] of Object.entries(LEFT_OUT)) note(`  ${file}: ${reason}`);
  const tests = rest.length > 0 ? rest : ['test/e2e'];
  const child = spawn(
    process.execPath,
    [path.join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', ...tests],
    { cwd: ROOT, stdio: 'inherit', env: { ...process.env, PGMOVE_URL: url.origin } },
  );
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

process.exitCode = await main();
