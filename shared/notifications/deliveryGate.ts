/**
 * How much of a process one destination may take up: one that is slow, or does not answer, must not
 * keep the functions busy that serve the others.
 */
export interface DeliveryGate {
  /** Milliseconds to wait, or 0: go on, and say `leave` at the end. */
  enter(destination: string, migrationId: string, now: number): number;
  leave(destination: string, migrationId: string, hasFailed: boolean, now: number): void;
}

const AT_ONCE = 2;
const BUSY_MS = 2_000;

/** After a failure the destination is left alone for so long, but for the migration that found it. */
const QUIET_MS = 10_000;

interface Lane {
  running: number;
  quietUntil: number;
  probe: string;
}

export function openDeliveryGate(): DeliveryGate {
  const lanes = new Map<string, Lane>();
  return {
    enter: (destination, migrationId, now) => {
      const lane = lanes.get(destination) ?? { running: 0, quietUntil: 0, probe: '' };
      lanes.set(destination, lane);
      if (lane.quietUntil > now && lane.probe !== migrationId) return lane.quietUntil - now;
      if (lane.running >= AT_ONCE) return BUSY_MS;
      lane.running += 1;
      return 0;
    },
    leave: (destination, migrationId, hasFailed, now) => {
      const lane = lanes.get(destination);
      if (lane === undefined) return;
      lane.running -= 1;
      lane.quietUntil = hasFailed ? now + QUIET_MS : 0;
      lane.probe = migrationId;
    },
  };
}
