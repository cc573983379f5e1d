/** `node dist/host/main.js [--app-root DIR] [--port N]`: runs a function app until it is told to stop. */
import { enableCompileCache } from 'node:module';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';

// Compiled code is kept in the build; where that is not writable, nothing is kept.
if (import.meta.filename.endsWith('.js')) {
  enableCompileCache(path.join(import.meta.dirname, '..', '.compile-cache'));
}

// V8 lets a heap double before it collects; a function app that plans thousands of tables makes so
// much garbage that this costs 60 MB of memory, and what it saves is a tenth of a second.
setFlagsFromString('--heap-growing-percent=40');

const HELP = `usage: main.js [--app-root DIR] [--port N]

  --app-root DIR  folder of the function app (default: the current one)
  --port N        port of 127.0.0.1 to listen on (default 7071; 0: a free one)
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'app-root': { type: 'string' },
      port: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const port = values.port === undefined ? undefined : Number(values.port);
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port < 65_536)) {
    throw new Error(`--port ${values.port} is not a port.`);
  }
  const { startHost } = await import('./host.ts');
  let stop = (_code: number): void => process.exit(1);
  const host = await startHost({
    appRoot: values['app-root'],
    port,
    onFatal: () => stop(1),
  });
  let isStopping = false;
  stop = (code: number): void => {
    if (isStopping) return;
    isStopping = true;
    host.stop().then(
      () => process.exit(code),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', () => stop(0));
  process.on('SIGINT', () => stop(0));
  // A parent that is gone cannot stop this process any more.
  if (process.channel) process.on('disconnect', () => stop(0));
  process.stdout.write(`Host is running on ${host.url}\n`);
  process.send?.({ ready: true, url: host.url });
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
