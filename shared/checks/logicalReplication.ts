import { checkLogicalReadiness } from '../pg/source/logicalReadiness.ts';
import type { ServerRule } from './rule.ts';

/** Online: what the source's server needs for a change stream of each database. */
export const logicalReplication: ServerRule = {
  id: 'logical-replication',
  type: 'ServerParametersValidation',
  async check({ spec, source, databaseCount, ownSlots, isSetupWanted }) {
    if (spec.mode !== 'Online') return [];
    const findings = await checkLogicalReadiness(source, { databaseCount, ownSlots });
    return findings.map(({ state, message, fixable, setting }) => {
      // What pgmove was asked to set, and can, is no reason to stop.
      const isSetLater = isSetupWanted && fixable === 'now' && setting !== undefined;
      return {
        state: isSetLater ? 'Warning' : state,
        message: `logical-replication: ${message}`,
      };
    });
  },
};
