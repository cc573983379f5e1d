import type { ResourceRule } from './rule.ts';

export const targetTier: ResourceRule = {
  id: 'target-tier',
  type: 'ServerParametersValidation',
  severity: { offline: 'Warning', online: 'Warning' },
  looksAt:
    "The compute tier of the target: Burstable runs out of CPU credits in the middle of a copy. Needs the target's resource in Azure.",
  remedy: 'General Purpose or Memory Optimized for the time of the migration.',
  check({ targetResource }) {
    if ('notChecked' in targetResource) return Promise.resolve([targetResource]);
    const { name, sku } = targetResource.server;
    if (sku === undefined) return Promise.resolve([{ notChecked: 'Azure did not tell the tier.' }]);
    if (sku.tier !== 'Burstable') return Promise.resolve([]);
    return Promise.resolve([
      {
        message: `${name} is Burstable (${sku.name}): its CPU is throttled when its credits are used up, in the middle of the copy.`,
        steps:
          'Scale it up until the migration has ended: az postgres flexible-server update --name ' +
          `${name} --tier GeneralPurpose --sku-name Standard_D4ds_v5 --resource-group …`,
      },
    ]);
  },
};
