import type { ServerRule } from './rule.ts';

export const targetWritable: ServerRule = {
  id: 'target-writable',
  type: 'ServerParametersValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603112'],
  looksAt: 'Whether the target is a standby (a read replica), which takes no writes.',
  remedy: 'Give the primary server as the target.',
  async check({ target }) {
    const { rows } = await target.query<{ is_standby: boolean }>(
      'select pg_catalog.pg_is_in_recovery() as is_standby',
    );
    if (rows[0]?.is_standby !== true) return [];
    return [
      {
        message: 'The target is a standby, which takes no writes.',
        steps: "Name the primary server as the migration's target.",
      },
    ];
  },
};
