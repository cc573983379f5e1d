import type { DatabaseDetails } from '../apiClient.ts';
import { formatBytes, formatCount, formatDuration } from '../terminal/units.ts';
import type { Rate } from './rate.ts';

/** What is shown of a database's replication at one moment. */
export interface ReplicationProgress {
  /** Whole seconds. */
  latencySeconds: number;
  lagBytes: number | undefined;
  appliedChanges: number;
  appliedPerSecond: number;
  warnings: readonly string[];
}

/** undefined for offline migrations, and before the stream has been opened. */
export function readReplication(
  detail: DatabaseDetails,
  applied: Rate,
  nowMs: number,
): ReplicationProgress | undefined {
  const { stream } = detail;
  if (stream === undefined) return undefined;
  const appliedChanges = detail.appliedChanges ?? 0;
  applied.add(nowMs, appliedChanges);
  return {
    latencySeconds: detail.latency ?? 0,
    lagBytes: stream.lagBytes,
    appliedChanges,
    appliedPerSecond: applied.perSecond(),
    warnings: [
      ...(stream.failure === undefined ? [] : [`The stream stands still: ${stream.failure}`]),
      ...(stream.warnings ?? []),
    ],
  };
}

/** `latency below 1 s`, `lag 1.2 MB`, `1,200 changes/s`, `45,000 changes applied` */
export function replicationParts(replication: ReplicationProgress): string[] {
  const { latencySeconds, lagBytes, appliedChanges, appliedPerSecond } = replication;
  return [
    `latency ${latencySeconds < 1 ? 'below 1 s' : formatDuration(latencySeconds * 1000)}`,
    ...(lagBytes === undefined ? [] : [`lag ${formatBytes(lagBytes)}`]),
    ...(appliedPerSecond >= 0.5 ? [`${formatCount(appliedPerSecond)} changes/s`] : []),
    `${formatCount(appliedChanges)} changes applied`,
  ];
}
