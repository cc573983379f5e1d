import { styleText } from 'node:util';
import type {
  CutoverDetails,
  DatabaseDetails,
  MigrationResource,
  ValidationItem,
} from '../apiClient.ts';
import { EXIT } from '../exitCode.ts';
import type { ExitCode } from '../exitCode.ts';
import { renderTable } from '../terminal/table.ts';
import { formatBytes, formatCount, formatDuration } from '../terminal/units.ts';
import { printable } from '../terminal/width.ts';

export interface SummaryOptions {
  isColored: boolean;
  elapsedMs: number;
}

const SHOWN_NOT_CARRIED = 20;
const SHOWN_DIFFERENCES = 20;

/** The states in which nothing more happens, and what the shell gets for them. */
const EXIT_BY_STATE: Readonly<Record<string, ExitCode>> = {
  Succeeded: EXIT.succeeded,
  Failed: EXIT.failed,
  ValidationFailed: EXIT.validationFailed,
  Canceled: EXIT.canceled,
};

export function exitCodeOf(resource: MigrationResource): ExitCode {
  return EXIT_BY_STATE[resource.properties.currentStatus.state] ?? EXIT.failed;
}

export function hasEnded(resource: MigrationResource): boolean {
  return Object.hasOwn(EXIT_BY_STATE, resource.properties.currentStatus.state);
}

/** What is printed when a migration has ended. */
export function renderSummary(resource: MigrationResource, options: SummaryOptions): string {
  const { properties } = resource;
  const status = properties.currentStatus;
  const details = status.currentSubStateDetails?.dbDetails ?? {};
  const names = properties.dbsToMigrate ?? Object.keys(details);
  const parts: string[] = [];
  const hasCutover = names.some((name) => details[name]?.cutover?.durationMs !== undefined);
  if (names.length > 0) {
    parts.push(
      renderTable(
        [
          { title: 'database' },
          { title: 'state' },
          { title: 'tables', align: 'right' },
          { title: 'rows', align: 'right' },
          { title: 'bytes', align: 'right' },
          { title: 'duration', align: 'right' },
          ...(hasCutover ? [{ title: 'cutover', align: 'right' } as const] : []),
          { title: 'not carried', align: 'right' },
          { title: 'verification' },
        ],
        names.map((name) =>
          databaseRow(name, properties.targetDbNames?.[name] ?? name, details[name] ?? {}, {
            hasCutover,
          }),
        ),
        { isColored: options.isColored },
      ),
    );
  }
  const ofRoles = (properties.notCarried ?? []).map((item) => `  ${item.object}: ${item.reason}`);
  if (ofRoles.length > 0) {
    parts.push(block('roles: not, or not as they were, on the target', ofRoles, SHOWN_NOT_CARRIED));
  }
  for (const name of names) {
    parts.push(...remarks(name, details[name] ?? {}));
    parts.push(...fenceRemark(resource, name, details[name]?.cutover));
  }
  const validation = validationLines(resource);
  if (status.state !== 'Succeeded' && validation.length > 0)
    parts.push(`${validation.join('\n')}\n`);
  if (status.error) parts.push(`${printable(status.error)}\n`);
  parts.push(`${verdict(resource, options)}\n`);
  return parts.join('\n');
}

function databaseRow(
  name: string,
  target: string,
  detail: DatabaseDetails,
  columns: { hasCutover: boolean },
): string[] {
  const { verification } = detail;
  const cutoverMs = detail.cutover?.durationMs;
  return [
    printable(name === target ? name : `${name} → ${target}`),
    detail.migrationState ?? '',
    tablesOf(detail),
    formatCount(detail.rowsCopied ?? 0),
    formatBytes(detail.bytesCopied ?? 0),
    durationOf(detail),
    ...(columns.hasCutover ? [cutoverMs === undefined ? '–' : formatDuration(cutoverMs)] : []),
    formatCount(detail.notCarried?.length ?? 0),
    verification === undefined || verification.mode === 'none'
      ? '–'
      : verification.differences.length === 0
        ? `${verification.mode}: ${formatCount(verification.tableCount)} tables equal`
        : `${verification.mode}: ${formatCount(verification.differences.length)} tables differ`,
  ];
}

function tablesOf(detail: DatabaseDetails): string {
  const done = detail.fullLoadCompletedTables ?? 0;
  const failed = detail.fullLoadErroredTables ?? 0;
  const total = detail.tablesTotal ?? done + failed;
  const count = done === total ? formatCount(done) : `${formatCount(done)}/${formatCount(total)}`;
  return failed === 0 ? count : `${count} (${formatCount(failed)} failed)`;
}

function durationOf(detail: DatabaseDetails): string {
  if (!detail.startedOn || !detail.endedOn) return '–';
  return formatDuration(Date.parse(detail.endedOn) - Date.parse(detail.startedOn));
}

function remarks(name: string, detail: DatabaseDetails): string[] {
  const parts: string[] = [];
  const notCarried = (detail.notCarried ?? []).map((item) => `  ${item.object}: ${item.reason}`);
  if (notCarried.length > 0) {
    parts.push(
      block(`${name}: not, or not as it was, on the target`, notCarried, SHOWN_NOT_CARRIED),
    );
  }
  const differences = (detail.verification?.differences ?? []).map(
    (difference) => `  ${difference.table}: ${difference.detail}`,
  );
  if (differences.length > 0)
    parts.push(block(`${name}: tables that differ`, differences, SHOWN_DIFFERENCES));
  const unplanned = (detail.stream?.unplannedTables ?? []).map((table) => `  ${table}`);
  if (unplanned.length > 0) {
    parts.push(
      block(
        `${name}: made on the source after the start, not migrated`,
        unplanned,
        SHOWN_NOT_CARRIED,
      ),
    );
  }
  if (detail.cutover?.failure) {
    parts.push(`${printable(name)}: the last cutover failed: ${detail.cutover.failure}\n`);
  }
  if (detail.migrationState === 'Failed' && detail.message) {
    parts.push(`${printable(name)}: ${detail.message}\n`);
  }
  return parts;
}

/** Nobody finds out by himself why the old server does not let him in. */
function fenceRemark(
  { properties }: MigrationResource,
  database: string,
  cutover: CutoverDetails | undefined,
): string[] {
  if (!cutover?.fenced || cutover.failure !== undefined) return [];
  const server = properties.sourceDbServerFullyQualifiedDomainName ?? 'HOST:PORT';
  // `host:port@user`, where it is no Azure resource.
  const user = /@([^/@]+)$/.exec(properties.sourceDbServerResourceId ?? '')?.[1];
  const login = user === undefined ? '' : `${encodeURIComponent(user)}@`;
  const command = [
    'pgmove source unfence --source',
    shellWord(`postgresql://${login}${server}/${encodeURIComponent(database)}`),
    ...(cutover.fence?.acl ? ['--acl', shellWord(cutover.fence.acl)] : []),
    ...(cutover.fence?.readOnly ? ['--read-only', shellWord(cutover.fence.readOnly)] : []),
  ];
  return [
    `${printable(database)}: its source is closed to everybody else. To open it again, as the ` +
      `migration's user:\n  ${printable(command.join(' '))}\n`,
  ];
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function block(title: string, lines: readonly string[], limit: number): string {
  const rest = lines.length - limit;
  return [
    printable(title),
    ...lines.slice(0, limit).map(printable),
    ...(rest > 0 ? [`  … and ${formatCount(rest)} more (all of them with --json)`] : []),
    '',
  ].join('\n');
}

function validationLines(resource: MigrationResource): string[] {
  const validation = resource.properties.currentStatus.currentSubStateDetails?.validationDetails;
  const describe = (where: string, items: readonly ValidationItem[] = []): string[] =>
    items
      .filter((item) => item.state !== 'Succeeded')
      .flatMap((item) =>
        (item.messages ?? [{ message: 'no details' }]).map(
          (message) =>
            `  ${where}: ${item.type ?? ''} ${item.state ?? ''}: ${message.message ?? ''}`,
        ),
      );
  const lines = [
    ...describe('server', validation?.serverLevelValidationDetails),
    ...(validation?.dbLevelValidationDetails ?? []).flatMap((database) =>
      describe(database.databaseName ?? '', database.summary),
    ),
  ];
  return lines.length === 0 ? [] : ['Validation', ...lines];
}

function verdict(resource: MigrationResource, options: SummaryOptions): string {
  const { state } = resource.properties.currentStatus;
  const text = `${resource.name}: ${state} after ${formatDuration(options.elapsedMs)}`;
  if (!options.isColored) return text;
  return styleText(['bold', state === 'Succeeded' ? 'green' : 'red'], text, {
    validateStream: false,
  });
}
