import { afterAll, beforeAll } from 'vitest';
import { startThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import type {
  ClusterOptions,
  ThrowawayCluster,
} from '../../../scripts/postgres/throwawayCluster.ts';
import { startTestStack } from './testStack.ts';
import type { TestStack } from './testStack.ts';

/** Two servers and a stack between them. */
export interface TestSite {
  source: ThrowawayCluster;
  target: ThrowawayCluster;
  stack: TestStack;
}

/**
 * Starts a site before the tests of the file and stops it after them, also when only a part of it
 * came up. `begin` gets it, and may fill it.
 */
export function useTestSite(
  begin: (site: TestSite) => void | Promise<void>,
  servers: {
    source?: ClusterOptions;
    target?: ClusterOptions;
    settings?: NodeJS.ProcessEnv;
  } = {},
): void {
  const stops: (() => PromiseLike<void>)[] = [];
  beforeAll(async () => {
    const cluster = async (options?: ClusterOptions) => {
      const started = await startThrowawayCluster(options);
      stops.push(() => started.stop());
      return started;
    };
    const stackOf = async () => {
      const started = await startTestStack(servers.settings);
      stops.push(() => started[Symbol.asyncDispose]());
      return started;
    };
    const [source, target, stack] = await Promise.allSettled([
      cluster(servers.source),
      cluster(servers.target),
      stackOf(),
    ]);
    if (source.status === 'rejected') throw source.reason;
    if (target.status === 'rejected') throw target.reason;
    if (stack.status === 'rejected') throw stack.reason;
    await begin({ source: source.value, target: target.value, stack: stack.value });
  });
  afterAll(async () => {
    await Promise.all(stops.map((stop) => stop()));
  });
}
