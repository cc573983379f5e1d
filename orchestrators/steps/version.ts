import type { OrchestrationContext, Task } from 'durable-functions';

/*
 * An instance keeps the version that it was started with (defaultVersion of host.json at that time) to its
 * end, over restarts, upgrades and continue-as-new. Where the order of an orchestrator's steps changes,
 * the old order stays for the old instances: `isSince(context, '2.0')` tells them apart.
 * docs/upgrade.md has the rules.
 */

/** Whether the instance was started by this version or a later one. */
export function isSince(context: OrchestrationContext, version: string): boolean {
  return compareVersions(versionOf(context), version) >= 0;
}

/**
 * Calls a sub-orchestration under its parent's version: without one the host would give it the newest,
 * and a tree of instances would be of two minds.
 */
export function callChild(
  context: OrchestrationContext,
  name: string,
  input: unknown,
  instanceId: string,
): Task {
  return context.df.callSubOrchestrator(name, input, instanceId, versionOf(context));
}

/** Empty: it was started before there were versions. */
function versionOf(context: OrchestrationContext): string {
  return context.df.version ?? '';
}

/** By their numbers: 1.10 comes after 1.9, and an empty one before all. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  for (let place = 0; place < Math.max(left.length, right.length); place += 1) {
    const difference = (left[place] ?? 0) - (right[place] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function numbersOf(version: string): number[] {
  return version === '' ? [] : version.split('.').map(Number);
}
