import { formatBytes, formatCount } from '../units.ts';
import { databaseBlocks, notCarriedBlocks } from './databaseBlocks.ts';
import type { Block, Cell, ReportDocument, Tone } from './document.ts';
import { byteRate, counted, duration, moment } from './figures.ts';
import { toneOf } from './tones.ts';
import type { MigrationReport } from './schema.ts';

/** The report in words, for those who read it rather than parse it. */
export function reportDocument(report: MigrationReport): ReportDocument {
  return {
    title: `Migration ${report.migrationName}`,
    blocks: [
      { kind: 'paragraph', text: verdictOf(report), tone: verdictTone(report) },
      ...errorBlocks(report),
      { kind: 'facts', facts: summaryFacts(report) },
      ...overviewBlocks(report),
      ...decisionBlocks(report),
      ...warningBlocks(report),
      ...notCarriedBlocks(
        report,
        heading('Roles that are not, or not as they were, on the target'),
      ),
      ...report.databases.flatMap(databaseBlocks),
      ...validationBlocks(report),
      ...timelineBlocks(report),
      heading('Settings'),
      { kind: 'facts', facts: settingFacts(report) },
    ],
  };
}

function heading(text: Cell): Block {
  return { kind: 'heading', level: 2, text };
}

/** What it came to, in a sentence. */
export function verdictOf(report: MigrationReport): string {
  const { totals, durationMs } = report;
  const moved =
    `${counted(totals.tablesCompleted, 'table')}, ${counted(totals.rows, 'row')} and ` +
    `${formatBytes(totals.bytes)} in ${counted(totals.databases, 'database')}`;
  if (!report.isFinal) {
    return (
      `In progress (${report.subState}): what follows is how far it was on ` +
      `${moment(report.generatedOn)}. So far: ${moved}.`
    );
  }
  const after = `after ${duration(durationMs)}`;
  const { state, migrationOption } = report;
  if (state === 'ValidationFailed') return `The validation failed ${after}; nothing was moved.`;
  if (state === 'Canceled') return `Canceled ${after}. Until then: ${moved}.`;
  if (state === 'Succeeded') {
    return migrationOption === 'Validate'
      ? `Validated ${after}; nothing was moved.`
      : `Succeeded ${after}: ${moved}.`;
  }
  const failed = totals.tablesFailed;
  const tables = failed === 0 ? '' : ` ${counted(failed, 'table')} failed.`;
  return `Failed ${after}. Until then: ${moved}.${tables}`;
}

function verdictTone({ isFinal, state, databases }: MigrationReport): Tone {
  if (!isFinal || state === 'Canceled') return 'warning';
  const differs = databases.some(({ verification }) => (verification?.differences.length ?? 0) > 0);
  return state === 'Succeeded' && !differs ? 'good' : 'bad';
}

function errorBlocks({ error }: MigrationReport): Block[] {
  return error === '' ? [] : [{ kind: 'paragraph', text: error }];
}

function summaryFacts(report: MigrationReport): (readonly [string, Cell])[] {
  const server = ({ host, port, user, version, tlsMode }: MigrationReport['source']): Cell => [
    { code: `${host}:${port}` },
    ' as ',
    { code: user },
    `, ${version === undefined ? 'PostgreSQL of unknown version' : `PostgreSQL ${version}`}`,
    `, TLS ${tlsMode}`,
  ];
  return [
    ['State', [{ text: report.state, tone: verdictTone(report) }, ` (${report.subState})`]],
    ['Source', server(report.source)],
    ['Target', server(report.target)],
    ['Mode', `${report.migrationMode}, ${report.migrationOption}`],
    ['Created', moment(report.createdOn)],
    [report.run === 0 ? 'Started' : 'Resumed', moment(report.startedOn)],
    ['Ended', report.isFinal ? moment(report.endedOn) : 'still in progress'],
    ['Duration', duration(report.durationMs)],
    ['Migration id', { code: report.migrationId }],
    ['Resource', { code: report.resourceId }],
    ['Report', `${moment(report.generatedOn)}, pgmove ${report.pgmoveVersion}`],
  ];
}

function overviewBlocks({ databases }: MigrationReport): Block[] {
  if (databases.length === 0) return [];
  const rows = databases.map((row): Cell[] => [
    row.databaseName === row.targetDatabaseName
      ? row.databaseName
      : `${row.databaseName} → ${row.targetDatabaseName}`,
    { text: row.state, tone: toneOf(row.state) },
    row.tablesFailed === 0
      ? `${formatCount(row.tablesCompleted)} of ${formatCount(row.tablesTotal)}`
      : `${formatCount(row.tablesCompleted)} of ${formatCount(row.tablesTotal)}, ${formatCount(row.tablesFailed)} failed`,
    formatCount(row.rows),
    formatBytes(row.bytes),
    duration(row.copy?.durationMs),
    byteRate(row.copy?.bytesPerSecond),
    duration(row.cutover?.durationMs),
    formatCount(row.notCarried.length),
    verificationText(row.verification),
  ]);
  const hasCutover = databases.some(({ cutover }) => cutover !== undefined);
  const columns = [
    { title: 'Database' },
    { title: 'State' },
    { title: 'Tables', align: 'right' },
    { title: 'Rows', align: 'right' },
    { title: 'Bytes', align: 'right' },
    { title: 'Copy', align: 'right' },
    { title: 'Rate', align: 'right' },
    { title: 'Cutover', align: 'right' },
    { title: 'Not carried', align: 'right' },
    { title: 'Verification' },
  ] as const;
  const kept = <T>(cells: readonly T[]) => cells.filter((_, index) => hasCutover || index !== 7);
  return [
    heading('Databases'),
    { kind: 'table', columns: kept(columns), rows: rows.map((row) => kept(row)) },
  ];
}

function verificationText(
  verification: MigrationReport['databases'][number]['verification'],
): Cell {
  if (verification === undefined || verification.mode === 'none') return 'not compared';
  const { mode, tableCount, differences } = verification;
  return differences.length === 0
    ? { text: `${mode}: ${counted(tableCount, 'table')} equal`, tone: 'good' }
    : { text: `${mode}: ${counted(differences.length, 'table')} not equal`, tone: 'bad' };
}

function decisionBlocks({ decisions }: MigrationReport): Block[] {
  if (decisions.length === 0) return [];
  return [heading('Decisions of the operator'), { kind: 'list', items: decisions }];
}

function warningBlocks({ warnings }: MigrationReport): Block[] {
  if (warnings.length === 0) return [];
  const items = warnings.map(({ databaseName, message }): Cell => {
    return databaseName === undefined ? message : [{ code: databaseName }, `: ${message}`];
  });
  return [heading('Warnings'), { kind: 'list', items }];
}

function validationBlocks({ validation, migrationOption }: MigrationReport): Block[] {
  if (validation === undefined) {
    const why = migrationOption === 'Migrate' ? 'the option was Migrate' : 'it was not come to';
    return [heading('Validation'), { kind: 'paragraph', text: `Nothing was validated: ${why}.` }];
  }
  const { status, findings, notChecked, durationMs } = validation;
  const failed = findings.filter(({ state }) => state === 'Failed').length;
  const warned = findings.filter(({ state }) => state === 'Warning').length;
  const took = durationMs === undefined ? '' : ` in ${duration(durationMs)}`;
  const blocks: Block[] = [
    heading('Validation'),
    {
      kind: 'paragraph',
      text: [
        status === undefined ? 'not completed' : { text: status, tone: toneOf(status) },
        `${took}: ${counted(failed, 'failure')}, ${counted(warned, 'warning')}.`,
      ],
    },
  ];
  for (const { state, databaseName, type, ruleId, code, message, remedy } of findings) {
    const rule = [ruleId ?? type, code].filter(Boolean).join(', ');
    blocks.push(
      {
        kind: 'heading',
        level: 3,
        text: [{ text: state, tone: toneOf(state) }, `: ${databaseName ?? 'servers'}: ${rule}`],
      },
      { kind: 'paragraph', text: message },
    );
    if (remedy !== undefined) blocks.push({ kind: 'code', text: remedy });
  }
  if (notChecked.length > 0) {
    const columns = [{ title: 'Where' }, { title: 'Rule' }, { title: 'Why' }];
    const rows = notChecked.map(({ databaseName, ruleId, reason }): Cell[] => {
      return [databaseName ?? 'servers', { code: ruleId }, reason];
    });
    blocks.push(
      { kind: 'heading', level: 3, text: 'Not checked' },
      { kind: 'table', columns, rows },
    );
  }
  return blocks;
}

function timelineBlocks({ timeline }: MigrationReport): Block[] {
  if (timeline.length === 0) return [];
  return [
    heading('Timeline'),
    {
      kind: 'table',
      columns: [
        { title: 'Time' },
        { title: 'Database' },
        { title: 'State' },
        { title: 'Step' },
        { title: 'Message' },
      ],
      rows: timeline.map(({ time, databaseName, state, subState, message }) => [
        moment(time),
        databaseName ?? '',
        { text: state, tone: toneOf(state) },
        subState ?? '',
        message ?? '',
      ]),
    },
  ];
}

function settingFacts({ settings, sourceType }: MigrationReport): (readonly [string, Cell])[] {
  const yesOrNo = (value: boolean) => (value ? 'yes' : 'no');
  const patterns = (values: readonly string[]): Cell =>
    values.flatMap((value, index) => [...(index === 0 ? [] : [', ']), { code: value }]);
  return [
    ['Source type', sourceType],
    ['Jobs', formatCount(settings.jobs)],
    ['Verification', settings.verify],
    ['Roles migrated', yesOrNo(settings.migrateRoles)],
    ['Only tables', settings.includeTables.length === 0 ? 'all' : patterns(settings.includeTables)],
    [
      'Tables left out',
      settings.excludeTables.length === 0 ? 'none' : patterns(settings.excludeTables),
    ],
    ['Overwriting allowed', yesOrNo(settings.overwriteDbsInTarget)],
    ['Source fenced at cutover', yesOrNo(settings.fenceSource)],
    ['Replica identity FULL set', yesOrNo(settings.setReplicaIdentityFull)],
    ['Logical replication set up', yesOrNo(settings.setupLogicalReplicationOnSourceDbIfNeeded)],
    ['Options of the source', settings.sourceOptions ? { code: settings.sourceOptions } : 'none'],
    ['Options of the target', settings.targetOptions ? { code: settings.targetOptions } : 'none'],
  ];
}
