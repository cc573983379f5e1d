import { formatBytes, formatCount } from '../units.ts';
import type { Block, Cell } from './document.ts';
import { byteRate, counted, duration, moment, rowRate } from './figures.ts';
import type { ReportDatabase } from './schema.ts';
import { toneOf } from './tones.ts';

/** One database: its copy, its stream, its cutover, what is not on the target, and its tables. */
export function databaseBlocks(database: ReportDatabase): Block[] {
  return [
    { kind: 'heading', level: 2, text: ['Database ', { code: database.databaseName }] },
    { kind: 'facts', facts: [...stateFacts(database), ...copyFacts(database)] },
    ...replicationBlocks(database),
    ...cutoverBlocks(database),
    ...verificationBlocks(database),
    ...notCarriedBlocks(database),
    ...tableBlocks(database),
  ];
}

function heading(text: string): Block {
  return { kind: 'heading', level: 3, text };
}

type Facts = (readonly [string, Cell])[];

function stateFacts(database: ReportDatabase): Facts {
  const { state, operation, message } = database;
  return [
    ['State', [{ text: state, tone: toneOf(state) }, operation === '' ? '' : ` (${operation})`]],
    ...(message === '' ? [] : ([['Message', message]] as const)),
    ['On the target', { code: database.targetDatabaseName }],
    ['Started', moment(database.startedOn)],
    ['Ended', moment(database.endedOn)],
    ['Duration', duration(database.durationMs)],
  ];
}

function copyFacts(database: ReportDatabase): Facts {
  const { copy, snapshot } = database;
  const failed =
    database.tablesFailed === 0 ? '' : `, ${formatCount(database.tablesFailed)} failed`;
  return [
    [
      'Tables copied',
      `${formatCount(database.tablesCompleted)} of ${formatCount(database.tablesTotal)}${failed}`,
    ],
    ['Rows copied', formatCount(database.rows)],
    [
      'Bytes copied',
      `${formatBytes(database.bytes)} (${formatBytes(database.bytesEstimated)} estimated)`,
    ],
    ...(copy?.durationMs === undefined
      ? []
      : ([
          ['Copy and indexes took', duration(copy.durationMs)],
          ['Rate', `${rowRate(copy.rowsPerSecond)}, ${byteRate(copy.bytesPerSecond)}`],
        ] as const)),
    [
      'Work of all connections',
      `${duration(database.copyMs)} copying, ${duration(database.indexMs)} building indexes`,
    ],
    ...(snapshot === undefined
      ? []
      : ([
          [
            'Snapshot',
            [
              moment(snapshot.takenOn),
              ...(snapshot.lsn === undefined ? [] : [' at LSN ', { code: snapshot.lsn }]),
            ],
          ],
        ] as const)),
  ];
}

function replicationBlocks({ replication }: ReportDatabase): Block[] {
  if (replication === undefined) return [];
  const kinds = [
    counted(replication.inserts, 'insert'),
    counted(replication.updates, 'update'),
    counted(replication.deletes, 'delete'),
    counted(replication.truncates, 'truncate'),
  ];
  const blocks: Block[] = [
    heading('Replication'),
    {
      kind: 'facts',
      facts: [
        ['Slot', { code: replication.slot }],
        ['From LSN', { code: replication.consistentPoint }],
        ['Received to LSN', { code: replication.receivedLsn }],
        ['Applied to LSN', { code: replication.appliedLsn }],
        [
          'Changes',
          `${formatCount(replication.appliedChanges)} applied of ` +
            `${formatCount(replication.incomingChanges)} that came, in ` +
            counted(replication.transactions, 'transaction'),
        ],
        ['Applied', kinds.join(', ')],
        [
          'Latency, last seen',
          `${formatCount(replication.latencySeconds)} s, ${formatBytes(replication.lagBytes)} ` +
            `of WAL on ${moment(replication.updatedOn)}`,
        ],
      ],
    },
  ];
  const { unplannedTables } = replication;
  if (unplannedTables.length === 0) return blocks;
  return [
    ...blocks,
    { kind: 'paragraph', text: 'Tables made on the source after the start, not moved:' },
    { kind: 'list', items: unplannedTables.map((code) => ({ code })) },
  ];
}

function cutoverBlocks({ cutover }: ReportDatabase): Block[] {
  if (cutover === undefined) return [];
  const { latencySeconds, lagBytes, lsn, failure } = cutover;
  const facts: Facts = [
    ['Asked for', moment(cutover.requestedOn)],
    ['Complete', moment(cutover.endedOn)],
    ['Duration', duration(cutover.durationMs)],
    [
      'Latency when it began',
      latencySeconds === undefined
        ? '–'
        : `${formatCount(latencySeconds)} s, ${formatBytes(lagBytes ?? 0)} of WAL`,
    ],
    ['At LSN', lsn === undefined ? '–' : { code: lsn }],
    ['Source closed to others', cutover.fenced ? 'yes' : 'no'],
    ...(failure === undefined ? [] : ([['Failure', { text: failure, tone: 'bad' }]] as const)),
  ];
  return [heading('Cutover'), { kind: 'facts', facts }];
}

function verificationBlocks({ verification }: ReportDatabase): Block[] {
  if (verification === undefined || verification.mode === 'none') return [];
  const { mode, tableCount, differences } = verification;
  const how = mode === 'hash' ? 'all content' : 'the number of rows';
  const compared = `Compared ${how} of ${counted(tableCount, 'table')} with the source: `;
  if (differences.length === 0) {
    return [
      heading('Verification'),
      { kind: 'paragraph', text: [compared, { text: 'all are equal', tone: 'good' }, '.'] },
    ];
  }
  return [
    heading('Verification'),
    {
      kind: 'paragraph',
      text: [
        compared,
        { text: `${counted(differences.length, 'table')} not equal`, tone: 'bad' },
        '.',
      ],
    },
    {
      kind: 'table',
      columns: [{ title: 'Table' }, { title: 'Difference' }],
      rows: differences.map(({ table, detail }) => [{ code: table }, detail]),
    },
  ];
}

/** Of one database, or of the migration. */
export function notCarriedBlocks(
  { notCarried }: Pick<ReportDatabase, 'notCarried'>,
  title = heading('Not, or not as it was, on the target'),
): Block[] {
  if (notCarried.length === 0) return [];
  return [
    title,
    {
      kind: 'table',
      columns: [{ title: 'What' }, { title: 'Why' }],
      rows: notCarried.map(({ object, reason }) => [object, reason]),
    },
  ];
}

function tableBlocks({ tables, tablesLeftOut }: ReportDatabase): Block[] {
  if (tables.length === 0) return [];
  const hasErrors = tables.some(({ error }) => error !== '');
  const blocks: Block[] = [
    heading('Tables'),
    {
      kind: 'table',
      columns: [
        { title: 'Table' },
        { title: 'State' },
        { title: 'Rows', align: 'right' },
        { title: 'Bytes', align: 'right' },
        { title: 'Parts', align: 'right' },
        { title: 'Copying', align: 'right' },
        { title: 'Indexes', align: 'right' },
        { title: 'Rate', align: 'right' },
        { title: 'Ended' },
        ...(hasErrors ? [{ title: 'Error' }] : []),
      ],
      rows: tables.map((row) => [
        { code: `${row.schema}.${row.table}` },
        { text: row.state, tone: toneOf(row.state) },
        formatCount(row.rows),
        formatBytes(row.bytes),
        formatCount(row.partCount),
        duration(row.copyMs),
        duration(row.indexMs),
        byteRate(row.bytesPerSecond),
        moment(row.endedOn),
        ...(hasErrors ? [row.error] : []),
      ]),
    },
  ];
  if (tablesLeftOut > 0) {
    blocks.push({
      kind: 'paragraph',
      text:
        `${counted(tablesLeftOut, 'smaller table')} are not listed; they are counted above. ` +
        'Ask for all tables to have them listed.',
    });
  }
  return blocks;
}
