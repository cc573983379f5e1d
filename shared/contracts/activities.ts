import type { Claim, CopyEnd, UnitResult } from './copyWork.ts';
import type { MigrationErrorKind } from '../errors/migrationError.ts';
import type { MigrationRef, ReplicationRecord, StreamStage } from './records.ts';

/**
 * What the orchestrators ask of the activities. Inputs are ids, never lists or secrets; results are
 * small, because they stay in the orchestration's history and are replayed in every episode.
 */

/** An activity does not throw: a failure is a value with a text that may be shown. */
export type ActivityResult<Value> =
  { ok: true; value: Value } | { ok: false; error: { kind: MigrationErrorKind; message: string } };

/** Every input names the migration; `delayMs` is how long a repeated attempt waits before it starts. */
interface MigrationInput {
  ref: MigrationRef;
  delayMs?: number;
}

export interface DatabaseInput extends MigrationInput {
  database: string;
}

interface GenerationInput extends DatabaseInput {
  /** Number of the snapshot under which this copy reads. */
  generation: number;
}

interface SnapshotInput extends GenerationInput {
  snapshot: string;
}

export type GateOutcome =
  | {
      next: 'go';
      databases: string[];
      jobs: number;
      validate: boolean;
      migrate: boolean;
      verify: boolean;
      online: boolean;
      roles: boolean;
      dryRun: boolean;
    }
  /** The wanted state of the row releases it, or this moment (ISO 8601). */
  | { next: 'wait'; until?: string }
  | { next: 'canceled' }
  | { next: 'failed'; message: string };

export interface TargetPreparation {
  /** `done`: nothing is left to do. `afterCopy`: the rows are complete, go on behind the copy. */
  resumeAt: 'done' | 'copy' | 'afterCopy';
  /** Generation to copy under: a new one, or that of a snapshot that is still held. */
  generation: number;
}

/** How a wait for the stream ended. */
export type StreamWait =
  | { next: 'reached' }
  // Not yet: to be asked again.
  | { next: 'wait' }
  | { next: 'failed'; message: string };

/** What the operator, and the stream, let the database do at its cutover gate. */
export type CutoverGate =
  { next: 'wait' } | { next: 'cutover' } | { next: 'failed'; message: string };

export interface CopyPlan {
  /** As many lanes as can have something to do. */
  laneCount: number;
}

/** What one copyBatch did. */
export interface BatchOutcome {
  tablesDone: number;
  tablesFailed: number;
  rows: number;
  bytes: number;
  /** Set for a part: its table, and of how many parts that table has. */
  part?: {
    tableId: string;
    partCount: number;
    /** Online: the table starts again under another one when its snapshot is lost. */
    generation?: number;
  };
  /** Index builds that are activities of their own; 0 when the batch built its indexes itself. */
  indexCount: number;
}

export interface CopyCounters {
  queuedTables: number;
  loadingTables: number;
  completedTables: number;
  erroredTables: number;
  rowsCopied: number;
  bytesCopied: number;
}

export interface ActivityMap {
  passGates: { input: MigrationInput; output: GateOutcome };
  validateServers: { input: MigrationInput; output: { failed: boolean } };
  validateDatabase: { input: DatabaseInput; output: { failed: boolean } };
  /** Adds to what validateDatabase wrote. */
  dryRunSchema: { input: DatabaseInput; output: null };
  estimateDatabase: { input: DatabaseInput; output: null };
  finishValidation: { input: MigrationInput & { goOn: boolean }; output: { failed: boolean } };
  /** Before the first database: the roles that own its objects. */
  migrateRoles: { input: MigrationInput; output: null };
  claimDatabase: {
    input: MigrationInput & { owner: string; lane: number; sequence: number };
    /** `isFresh`: no run has begun with it yet. */
    output:
      | Pick<DatabaseOrchestration, 'database' | 'isFresh' | 'online' | 'openDatabases'>
      | { database: null };
  };
  /** Where a lane that has no database of its own can help: the copy that has the most to do. */
  claimHelp: {
    input: MigrationInput & { owner: string };
    output:
      | {
          next: 'help';
          copy: Pick<CopyLaneOrchestration, 'database' | 'owner' | 'generation' | 'snapshot'>;
        }
      // Nothing now, but a copy that has not begun, or is at work, may have something later.
      | { next: 'wait' }
      | { next: 'end' };
  };
  completeMigration: {
    input: MigrationInput & { failure?: string; failureKind?: MigrationErrorKind };
    output: { state: string };
  };

  /** Online, before the slot: REPLICA IDENTITY FULL where it is wanted and needed. */
  prepareSource: { input: DatabaseInput; output: null };
  /**
   * Puts the source back as it was. `keepFence`: after a success the database stays closed.
   * `unrestored` has sentences about what could not be put back.
   */
  restoreSource: {
    input: DatabaseInput & { keepFence: boolean };
    output: { unrestored: string[] };
  };
  prepareTarget: { input: DatabaseInput; output: TargetPreparation };
  requestSnapshot: { input: GenerationInput & { instanceId: string }; output: null };
  readReplication: { input: GenerationInput; output: ReplicationRecord['observed'] };
  requestStream: { input: GenerationInput & { instanceId: string }; output: null };
  waitStream: { input: GenerationInput & { stage: StreamStage | 'streaming' }; output: StreamWait };
  prepareCutover: { input: DatabaseInput & { jobs: number }; output: null };
  passCutoverGate: { input: GenerationInput; output: CutoverGate };
  beginCutover: { input: GenerationInput; output: null };
  copyUnstreamed: { input: GenerationInput; output: null };
  abandonCutover: { input: GenerationInput & { reason: string }; output: null };
  stopStream: { input: GenerationInput; output: null };
  copySchema: { input: SnapshotInput; output: null };
  planCopy: {
    input: SnapshotInput &
      Pick<DatabaseOrchestration, 'jobs' | 'openDatabases'> & { owner: string };
    output: CopyPlan;
  };
  copyBatch: { input: SnapshotInput & { batch: number; attempt: number }; output: BatchOutcome };
  buildIndex: { input: GenerationInput & { batch: number; index: number }; output: null };
  finishTable: { input: GenerationInput & { batch: number }; output: null };
  copyLargeObjects: { input: SnapshotInput; output: { count: number } };
  claimUnit: {
    input: DatabaseInput & {
      owner: string;
      generation: number;
      lane: string;
      sequence: number;
      result?: UnitResult;
      helps?: true;
    };
    output: Claim;
  };
  endCopy: { input: GenerationInput; output: CopyEnd };
  verifyDatabase: { input: SnapshotInput & { jobs: number }; output: { differenceCount: number } };
  finishCopy: { input: GenerationInput; output: { failedTables: number } };
  restorePostData: { input: DatabaseInput & { jobs: number }; output: null };
  finishTarget: { input: DatabaseInput & { jobs: number }; output: null };
  completeDatabase: {
    input: DatabaseInput & {
      outcome: 'Succeeded' | 'Failed' | 'Canceled';
      message: string;
      /** Of a failure that is one error. */
      kind?: MigrationErrorKind;
      /** Keep the snapshot, so that a resume copies only the tables that failed. */
      keepSnapshot: boolean;
    };
    output: null;
  };

  removeMigration: { input: MigrationInput; output: null };
}

export type ActivityName = keyof ActivityMap;
export type ActivityInput<Name extends ActivityName> = ActivityMap[Name]['input'];
export type ActivityOutput<Name extends ActivityName> = ActivityMap[Name]['output'];

/** Input of migrationOrchestrator. */
export interface MigrationOrchestration {
  ref: MigrationRef;
  run: number;
}

/** Input of validationGroup: some of a migration's databases, so that the list is bounded. */
export interface ValidationGroup {
  ref: MigrationRef;
  databases: string[];
  /** Databases at once. */
  jobs: number;
  /** How long the copy may take: of a validation that is all that is wanted. */
  estimate: boolean;
  dryRun: boolean;
  /** What is wrong with the servers is told already. */
  haveServersFailed: boolean;
}

export interface ValidationGroupEnd {
  failure?: { kind: MigrationErrorKind; message: string };
}

/** Input of migrateDatabase. */
export interface DatabaseOrchestration {
  ref: MigrationRef;
  database: string;
  jobs: number;
  /** Compare the content before the snapshot is let go. */
  verify: boolean;
  /** No run has begun with the database yet: its snapshot can be asked for at once. */
  isFresh: boolean;
  online: boolean;
  /** Databases of the migration that had not succeeded when this one was claimed; it is one of them. */
  openDatabases?: number;
  /** Online: the copy is complete; go on at the cutover gate with the stream of this generation. */
  atGate?: number;
}

/** Input of databaseLane: takes one database after the other. */
export interface DatabaseLaneOrchestration {
  ref: MigrationRef;
  /** The run's instance, whose lanes share the databases out among them. */
  owner: string;
  /** From 0. */
  lane: number;
  jobs: number;
  verify: boolean;
  /** There are other lanes, which may have work to share when no database is left. */
  mayHelp?: boolean;
}

/** Input of helpCopies, and what it carries through continue-as-new. */
export interface HelpOrchestration {
  ref: MigrationRef;
  /** The run's instance. */
  owner: string;
  /** Copies helped so far. */
  sequence: number;
}

/** Input of copyLane, and what it carries through continue-as-new. */
export interface CopyLaneOrchestration {
  ref: MigrationRef;
  database: string;
  /** The instance of migrateDatabase that the lane works for. */
  owner: string;
  lane: string;
  generation: number;
  snapshot: string;
  /** Claims made so far. */
  sequence: number;
  /** What the last claimed unit came to, not told yet. */
  result?: UnitResult;
  /** Of another database's lane: it leaves when there is nothing to do, and does not wait. */
  helps?: true;
}
