import { checkLogicalReadiness } from '../pg/source/logicalReadiness.ts';
import type { Finding, ServerRule } from './rule.ts';

/** Online: what the source's server needs for a change stream of each database. */
export const logicalReplication: ServerRule = {
  id: 'logical-replication',
  type: 'ServerParametersValidation',
  severity: { online: 'Failed' },
  codes: ['603107', '603105', '603106', '603104'],
  looksAt:
    'What the source needs for a change stream of each database: wal_level, free slots and ' +
    'senders, the right to replicate, wal2json (output_plugin_libraries), no standby; and what may ' +
    'break it: long and prepared transactions, max_slot_wal_keep_size, ' +
    'idle_replication_slot_timeout, wal_sender_timeout.',
  remedy:
    'The setting with its value, as ALTER SYSTEM; setupLogicalReplicationOnSourceDbIfNeeded "True" ' +
    'sets what it can.',
  async check({ source, databaseCount, ownSlots, isSetupWanted }) {
    const findings = await checkLogicalReadiness(source, { databaseCount, ownSlots });
    return findings.map(({ state, message, fixable, setting, statements, code }): Finding => {
      // What pgmove was asked to set, and can, is no reason to stop.
      const isSetLater = isSetupWanted && fixable === 'now' && setting !== undefined;
      return {
        state: isSetLater ? 'Warning' : state,
        message,
        // No code of its own is none: the rule's first one is about another setting.
        code: code ?? '',
        ...(statements === undefined ? {} : { sql: { on: 'source', statements } }),
      };
    });
  },
};
