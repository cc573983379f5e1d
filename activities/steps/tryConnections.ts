import { connectionFailure, connectionFinding } from '../../shared/checks/connectionFailure.ts';
import type { RuleOutcome } from '../../shared/checks/runRules.ts';
import type { PgSession } from '../../shared/pg/connect.ts';

type Attempts<Result> = [source: Result, target: Result];

/** Opens both sessions: the rule before all others, whose findings are the reasons it could not. */
export async function tryConnections(
  type: RuleOutcome['type'],
  open: () => Attempts<Promise<PgSession>>,
): Promise<{ opened: Attempts<PromiseSettledResult<PgSession>>; outcome: RuleOutcome }> {
  const startedOn = new Date().toISOString();
  const began = performance.now();
  const opened = await Promise.allSettled(open());
  const [source, target] = opened;
  const failed = [
    ...(source.status === 'rejected' ? [connectionFinding('source', source.reason)] : []),
    ...(target.status === 'rejected' ? [connectionFinding('target', target.reason)] : []),
  ];
  const durationMs = Math.round(performance.now() - began);
  const { id } = connectionFailure;
  return { opened, outcome: { id, type, startedOn, durationMs, findings: failed, notChecked: [] } };
}
