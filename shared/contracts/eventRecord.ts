/** A state change, first in a row's outbox, then a row of Events. */
export interface EventRecord {
  /** CloudEvents type without the prefix: `MigrationStateChanged`; see eventTypes.ts. */
  type: string;
  /** The ARM id of the target server, lower case. */
  source: string;
  /** `migrations/{name}` or `migrations/{name}/databases/{db}`. */
  subject: string;
  time: string;
  data: Record<string, unknown>;
}
