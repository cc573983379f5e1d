import type { ResourceRule } from './rule.ts';

export const targetHighAvailability: ResourceRule = {
  id: 'target-high-availability',
  type: 'ServerParametersValidation',
  severity: { offline: 'Warning', online: 'Warning' },
  looksAt:
    "High availability and read replicas of the target: every row that is copied is written to them too, and waited for. Needs the target's resource in Azure.",
  remedy: 'Enable them after the migration.',
  check({ targetResource }) {
    if ('notChecked' in targetResource) return Promise.resolve([targetResource]);
    const { name, highAvailability, replicaCount } = targetResource.server;
    const isUnknown = highAvailability === undefined || replicaCount === undefined;
    return Promise.resolve([
      ...(highAvailability !== undefined && highAvailability !== 'Disabled'
        ? [
            {
              message: `High availability of ${name} is on (${highAvailability}): each commit of the copy waits for the standby.`,
              steps:
                'Disable it until the migration has ended: az postgres flexible-server update --name ' +
                `${name} --zonal-resiliency Disabled --resource-group …`,
            },
          ]
        : []),
      ...(replicaCount !== undefined && replicaCount > 0
        ? [
            {
              message: `${name} has ${replicaCount} read replicas, to which everything that is copied is sent.`,
              steps: 'Create them after the migration.',
            },
          ]
        : []),
      ...(isUnknown
        ? [{ notChecked: 'Azure did not tell about high availability or read replicas.' }]
        : []),
    ]);
  },
};
