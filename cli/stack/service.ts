import type { ApiLocation } from '../apiClient.ts';
import { CommandError, EXIT } from '../exitCode.ts';
import type { LocalStack } from './localStack.ts';
import { findRunningStack, stackFolder } from './stackFile.ts';

export interface Service {
  location: ApiLocation;
  /** Set when this command started it and has to stop it. */
  stack?: LocalStack;
}

/** The service that is named, the one of this folder, or one for as long as the command runs. */
export async function openService(options: { url?: string; key?: string }): Promise<Service> {
  const key = options.key === undefined ? {} : { key: options.key };
  if (options.url !== undefined) return { location: { url: options.url, ...key } };
  const running = await findRunningStack(stackFolder());
  if (running !== undefined) return { location: { url: running.url, ...key } };
  const { startLocalStack } = await import('./localStack.ts');
  const stack = await startLocalStack();
  return { location: { url: stack.url, ...key }, stack };
}

/** Rejects when a part of this command's own stack ended by itself; else never settles. */
export async function stackBroken(stack: LocalStack | undefined): Promise<never> {
  if (stack === undefined) return new Promise(() => undefined);
  throw new CommandError(EXIT.failed, await stack.broken);
}
