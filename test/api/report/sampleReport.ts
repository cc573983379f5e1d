import type {
  DatabaseRecord,
  MigrationRecord,
  ReplicationRecord,
  TableRecord,
} from '../../../shared/contracts/records.ts';
import { toMigrationReport } from '../../../shared/api/report/toMigrationReport.ts';
import type { ReportSources } from '../../../shared/api/report/toMigrationReport.ts';
import type { MigrationReport } from '../../../shared/api/report/schema.ts';
import { sampleDatabase, sampleMigration, sampleTable } from '../../state/fixtures.ts';

/** All that would break a document out of its frame: markup, quotes, control and bidi characters. */
export const ODD = `a"b'c|d<img src=x onerror=alert(1)>&amp;\`x\`*_[l](u)\n# h\u202e\u0007\\|`;

export const STARTED = '2026-03-01T00:00:00.000Z';
export const ENDED = '2026-03-01T00:10:00.000Z';

/** A finished online migration of one database. */
export function sampleRecord(change: Partial<MigrationRecord> = {}): MigrationRecord {
  const base = sampleMigration();
  return {
    ...base,
    ref: { ...base.ref, name: 'ticket-42' },
    spec: { ...base.spec, mode: 'Online', excludeTables: [ODD], jobs: 8 },
    status: { state: 'Succeeded', subState: 'Completed' },
    sourceMetadata: { version: '13.4' },
    targetMetadata: { version: '17.1' },
    createdOn: STARTED,
    startedOn: STARTED,
    endedOn: ENDED,
    ...change,
  };
}

export function finishedDatabase(
  migrationId: string,
  change: Partial<DatabaseRecord> = {},
): DatabaseRecord {
  return sampleDatabase(migrationId, {
    state: 'Succeeded',
    operation: 'Completed',
    startedOn: STARTED,
    endedOn: ENDED,
    copyStartedOn: '2026-03-01T00:01:00.000Z',
    snapshot: { takenOn: '2026-03-01T00:00:30.000Z', lsn: '0/ABC0' },
    tablesTotal: 2,
    completedTables: 2,
    rowsCopied: 1_200,
    bytesCopied: 6_000_000,
    bytesTotal: 5_000_000,
    notCarried: [{ object: `ownership: table ${ODD}`, reason: 'There is no role "x".' }],
    verification: { mode: 'hash', tableCount: 2, differences: [] },
    cutover: {
      requestedOn: '2026-03-01T00:09:00.000Z',
      endedOn: '2026-03-01T00:09:02.500Z',
      durationMs: 2_500,
      lsn: '0/DEF0',
      fenced: true,
      latencySeconds: 3,
      lagBytes: 4_096,
    },
    ...change,
  });
}

export function finishedTable(id: string, change: Partial<TableRecord> = {}): TableRecord {
  return sampleTable(id, {
    state: 'completed',
    rows: 600,
    bytes: 3_000_000,
    bytesTotal: 2_500_000,
    copyMs: 1_500,
    indexMs: 250,
    startedOn: '2026-03-01T00:01:00.000Z',
    endedOn: '2026-03-01T00:03:00.000Z',
    ...change,
  });
}

export function sampleReplication(record: MigrationRecord): ReplicationRecord {
  return {
    ref: record.ref,
    database: 'shop',
    desired: { phase: 'released' },
    observed: { phase: 'released' },
    waitingInstanceId: '',
    stream: {
      slot: 'pgmove_x',
      consistentPoint: '0/1000',
      receivedLsn: '0/DEF8',
      appliedLsn: '0/DEF0',
      latencySeconds: 0,
      lagBytes: 0,
      retainedBytes: 0,
      transactions: 7,
      incomingChanges: 70,
      appliedChanges: 69,
      inserts: 40,
      updates: 20,
      deletes: 9,
      truncates: 0,
      tablesPending: 0,
      tablesCopying: 0,
      tablesReady: 2,
      unplannedTables: [`public.${ODD}`],
      warnings: ['The slot was near its limit.'],
      updatedOn: ENDED,
    },
  };
}

export function sampleReport(
  change: Partial<ReportSources> = {},
  tables: 'largest' | 'all' = 'largest',
): Promise<MigrationReport> {
  const record = change.record ?? sampleRecord();
  return toMigrationReport(
    {
      record,
      databases: [finishedDatabase(record.ref.id)],
      replications: [sampleReplication(record)],
      events: [],
      tables: () => [finishedTable('1'), finishedTable('2', { schema: ODD, table: ODD })],
      ...change,
    },
    { tables, now: Date.parse('2026-03-01T00:20:00.000Z') },
  );
}
