export type ValidationState = 'Failed' | 'Succeeded' | 'Warning';

export interface ValidationItem {
  type: string;
  state: ValidationState;
  messages?: { state: ValidationState; message: string }[];
}

export interface ValidationDetails {
  status?: ValidationState;
  validationStartTimeInUtc?: string;
  validationEndTimeInUtc?: string;
  serverLevelValidationDetails: ValidationItem[];
  dbLevelValidationDetails: {
    databaseName: string;
    startedOn: string;
    endedOn?: string;
    summary: ValidationItem[];
  }[];
}

/** How large a database is, and how long its copy may take. */
export interface CopyEstimate {
  tableCount: number;
  /** Rows with their TOAST. */
  tableBytes: number;
  indexBytes: number;
  largestTables: { name: string; bytes: number }[];
  /** Of one connection, measured by reading from the largest table; absent where nothing was read. */
  bytesPerSecond?: number;
  /** Rows and indexes with the migration's jobs; absent without a rate. */
  seconds?: number;
}
