import type { ResourceRule } from './rule.ts';

/** A server at work on itself restarts when it is done. */
const PASSING: ReadonlySet<string> = new Set(['Updating', 'Starting', 'Restarting']);

export const targetState: ResourceRule = {
  id: 'target-state',
  type: 'ServerParametersValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  looksAt:
    "Whether Azure says that the target is ready. A Warning while it is updated or restarted. Needs the target's resource in Azure.",
  remedy: 'Start the server, or wait for what is being done to it.',
  check({ targetResource }) {
    if ('notChecked' in targetResource) return Promise.resolve([targetResource]);
    const { name, state } = targetResource.server;
    if (state === undefined) {
      return Promise.resolve([{ notChecked: 'Azure did not tell the state of the target.' }]);
    }
    if (state === 'Ready') return Promise.resolve([]);
    return Promise.resolve([
      {
        ...(PASSING.has(state) ? { state: 'Warning' as const } : {}),
        message: `${name} is ${state}.`,
        steps: PASSING.has(state)
          ? 'Wait until it is Ready.'
          : `Start it: az postgres flexible-server start --name ${name} --resource-group …`,
      },
    ]);
  },
};
