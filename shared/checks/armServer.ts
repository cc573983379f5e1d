/** A flexible server as Azure Resource Manager describes it; what it did not tell is absent. */
export interface ArmServer {
  name: string;
  location?: string;
  version?: string;
  sku?: { name: string; tier: string };
  storageMb?: number;
  /** Whether its storage grows by itself. */
  growsByItself?: boolean;
  /** Ready, Stopped, Updating … */
  state?: string;
  /** Disabled, SameZone, ZoneRedundant. */
  highAvailability?: string;
  replicaCount?: number;
  /** The server parameter azure.extensions. */
  allowedExtensions?: string[];
}

/** What Azure said, or why it was not asked or did not answer, as a sentence. */
export type ArmReading = { server: ArmServer } | { notChecked: string };
