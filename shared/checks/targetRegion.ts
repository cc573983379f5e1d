import type { ResourceRule } from './rule.ts';

export const targetRegion: ResourceRule = {
  id: 'target-region',
  type: 'ServerParametersValidation',
  severity: { offline: 'Warning', online: 'Warning' },
  looksAt:
    'Whether both servers are in one region: the way between regions is slow, and paid for. Needs the resources of both in Azure.',
  remedy: 'A target in the region of the source, or more time.',
  check({ sourceResource, targetResource }) {
    if ('notChecked' in targetResource) return Promise.resolve([targetResource]);
    if ('notChecked' in sourceResource) return Promise.resolve([sourceResource]);
    const [from, to] = [sourceResource.server.location, targetResource.server.location];
    if (from === undefined || to === undefined) {
      return Promise.resolve([{ notChecked: 'Azure did not tell the regions.' }]);
    }
    if (regionKey(from) === regionKey(to)) return Promise.resolve([]);
    return Promise.resolve([
      {
        message: `The source is in ${from}, the target in ${to}: all rows go from one region to the other.`,
        steps: 'Choose a target in the region of the source, or plan more time.',
      },
    ]);
  },
};

/** `West Europe` is westeurope. */
function regionKey(location: string): string {
  return location.replaceAll(' ', '').toLowerCase();
}
