import { codeOf } from '../../shared/errors/migrationError.ts';
import { usageError } from '../exitCode.ts';
import { listenForInterrupts } from '../terminal/interrupts.ts';
import type { ListenOptions } from './command.ts';
import { eventLine } from './eventLine.ts';
import { startEventReceiver } from './eventReceiver.ts';

/** Prints what is delivered, until Ctrl-C. */
export async function listen({ port, secret, json }: ListenOptions): Promise<void> {
  const { signal } = listenForInterrupts();
  await using receiver = await startEventReceiver({
    port,
    // As in the setting of the service: two while one is replaced.
    secrets: secret?.split(',').map((text) => text.trim()) ?? [],
    onEvent: (event) =>
      void process.stdout.write(`${json ? JSON.stringify(event) : eventLine(event)}\n`),
    onRefusal: (reason) => void process.stderr.write(`A delivery was refused. ${reason}\n`),
  }).catch((error: unknown) => {
    if (codeOf(error) !== 'EADDRINUSE') throw error;
    throw usageError(`Port ${port} is taken: give another --port.`, error);
  });
  const checked = secret === undefined ? 'signatures are not checked' : 'signatures are checked';
  process.stderr.write(`Listening on http://127.0.0.1:${receiver.port}/ (${checked}).\n`);
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
}
