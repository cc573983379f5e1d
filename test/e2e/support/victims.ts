import type { TestSite } from './testSite.ts';

/** Whatever can die, and how it comes back. */
export function victimsOf({
  source,
  target,
  stack,
}: TestSite): Readonly<Record<string, () => Promise<void>>> {
  const restart = (part: 'host' | 'replicator' | 'azurite') => async () => {
    await stack.kill(part);
    await stack.start(part);
  };
  const crash = (cluster: TestSite['source']) => async () => {
    await cluster.crash();
    await cluster.start();
  };
  return {
    host: restart('host'),
    replicator: restart('replicator'),
    azurite: restart('azurite'),
    source: crash(source),
    target: crash(target),
  };
}

/** Which of them die in a round, and when: milliseconds after the one before. */
export function randomKills(
  random: () => number,
  count: number,
  mostMs: number,
): { afterMs: number; victim: string }[] {
  const names = ['host', 'replicator', 'azurite', 'source', 'target'];
  return Array.from({ length: count }, () => ({
    afterMs: Math.floor(random() * mostMs),
    victim: names[Math.floor(random() * names.length)] ?? 'host',
  }));
}
