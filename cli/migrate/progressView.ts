import { styleText } from 'node:util';
import type { TableProgress } from '../apiClient.ts';
import { createLiveArea } from '../terminal/liveArea.ts';
import type { Screen } from '../terminal/liveArea.ts';
import { formatBytes, formatCount, formatDuration } from '../terminal/units.ts';
import { displayWidth, fit, printable } from '../terminal/width.ts';
import type { DatabaseProgress, MigrationProgress } from './progress.ts';
import { replicationParts } from './replicationLine.ts';

/** Shows how a migration goes: a drawing on a terminal, lines anywhere else. */
export interface ProgressView {
  update(progress: MigrationProgress): void;
  note(text: string): void;
  end(): void;
}

const BAR_WIDTH = 20;
const SHOWN_TABLES = 6;
const SHOWN_DATABASES = 12;

export interface LineOptions {
  isColored: boolean;
}

/** The drawing of one moment. */
export function progressLines(progress: MigrationProgress, options: LineOptions): string[] {
  const dim = (text: string): string =>
    options.isColored ? styleText('dim', text, { validateStream: false }) : text;
  const bold = (text: string): string =>
    options.isColored ? styleText('bold', text, { validateStream: false }) : text;
  const lines = [
    `${bold(progress.name)}  ${describeState(progress)}  ${dim(formatDuration(progress.elapsedMs))}`,
  ];
  const yellow = (text: string): string =>
    options.isColored ? styleText('yellow', text, { validateStream: false }) : text;
  // Those that are worked on come first: they must be seen when not all fit.
  const rank = (database: DatabaseProgress): number =>
    isEnded(database) || database.operation === '' ? 1 : 0;
  const databases = [...progress.databases].sort((a, b) => rank(a) - rank(b));
  const width = Math.min(
    30,
    Math.max(8, ...databases.map(({ database }) => displayWidth(printable(database)))),
  );
  for (const database of databases.slice(0, SHOWN_DATABASES)) {
    lines.push(
      `  ${padEnd(fit(printable(database.database), width), width)}  ${databaseLine(database)}`,
    );
    for (const table of database.tables.slice(0, SHOWN_TABLES))
      lines.push(dim(`    ${tableLine(table)}`));
    const hidden = database.tables.length - SHOWN_TABLES;
    if (hidden > 0) lines.push(dim(`    … and ${hidden} more tables`));
    for (const warning of database.replication?.warnings ?? [])
      lines.push(yellow(`    ${printable(warning)}`));
  }
  if (databases.length > SHOWN_DATABASES) {
    lines.push(dim(`  … and ${databases.length - SHOWN_DATABASES} more databases`));
  }
  return lines;
}

function describeState(progress: MigrationProgress): string {
  return progress.subState === '' || progress.subState === 'Completed'
    ? progress.state
    : progress.subState;
}

function databaseLine(database: DatabaseProgress): string {
  const { replication, operation, state } = database;
  const isCopying = database.tablesDone + database.tablesFailed < database.tablesTotal;
  if (database.tablesTotal === 0) return `${state}  ${operation}`.trimEnd();
  if (replication !== undefined && !isCopying && !isEnded(database)) {
    return [
      ...(state === 'InProgress' ? [] : [state]),
      `${formatCount(database.tablesTotal)} tables`,
      ...(database.tablesFailed > 0 ? [`${formatCount(database.tablesFailed)} failed`] : []),
      ...replicationParts(replication),
      ...(operation === '' ? [] : [operation]),
    ].join('  ');
  }
  const parts = [
    ...(database.bytesTotal > 0 ? [bar(shareOf(database))] : []),
    `${formatCount(database.tablesDone)}/${formatCount(database.tablesTotal)} tables`,
    ...(database.tablesFailed > 0 ? [`${formatCount(database.tablesFailed)} failed`] : []),
    `${formatCount(database.rows)} rows`,
    formatBytes(database.bytes),
  ];
  if (state !== 'InProgress') return [state, ...parts].join('  ');
  if (isCopying && database.bytesPerSecond > 0) {
    parts.push(
      `${formatCount(database.rowsPerSecond)} rows/s`,
      `${formatBytes(database.bytesPerSecond)}/s`,
    );
  }
  if (isCopying && database.timeLeftMs !== undefined)
    parts.push(`${formatDuration(database.timeLeftMs)} left`);
  if (replication?.lagBytes !== undefined) parts.push(`lag ${formatBytes(replication.lagBytes)}`);
  if (operation !== '') parts.push(operation);
  return parts.join('  ');
}

function isEnded({ state }: DatabaseProgress): boolean {
  return state === 'Succeeded' || state === 'Failed' || state === 'Canceled';
}

function shareOf(database: DatabaseProgress): number {
  // The total is an estimate: the bar is full when every table is in, and not before.
  if (database.tablesDone + database.tablesFailed >= database.tablesTotal) return 1;
  return Math.min(database.bytes / database.bytesTotal, 0.99);
}

function bar(share: number): string {
  const full = Math.round(share * BAR_WIDTH);
  return `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} ${String(Math.floor(share * 100)).padStart(3)} %`;
}

function tableLine(table: TableProgress): string {
  const name = padEnd(fit(printable(`${table.schema}.${table.table}`), 40), 40);
  const size =
    table.bytesTotal !== undefined && table.bytesTotal > table.bytes
      ? `${formatBytes(table.bytes)} of ${formatBytes(table.bytesTotal)}`
      : formatBytes(table.bytes);
  return `${name} ${table.state.padEnd(9)} ${formatCount(table.rows)} rows  ${size}`;
}

function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

/** A drawing where the stream is a terminal that can be drawn on, lines elsewhere. */
export function viewFor(screen: NodeJS.WriteStream): { view: ProgressView; isLive: boolean } {
  const isLive = screen.isTTY && process.env['TERM'] !== 'dumb';
  const view = isLive
    ? createLiveView(screen, screen.hasColors())
    : createPlainView((line) => screen.write(`${line}\n`));
  return { view, isLive };
}

/** The drawing is made again this often, between answers too: the clock must not stand still. */
const REDRAW_MS = 250;

export function createLiveView(screen: Screen, isColored: boolean): ProgressView {
  const area = createLiveArea(screen);
  let latest: { progress: MigrationProgress; at: number } | undefined;
  const draw = (): void => {
    if (latest === undefined) return;
    const elapsedMs = latest.progress.elapsedMs + (Date.now() - latest.at);
    area.draw(progressLines({ ...latest.progress, elapsedMs }, { isColored }));
  };
  const timer = setInterval(draw, REDRAW_MS);
  timer.unref();
  return {
    update: (progress) => {
      latest = { progress, at: Date.now() };
      draw();
    },
    note: (text) => area.print(text),
    end: () => {
      clearInterval(timer);
      draw();
      area.end();
    },
  };
}

/** A line when something changed, and every few seconds while rows flow. */
const LINE_EVERY_MS = 5_000;
/** A wait for the operator may last for days. */
const WAITING_LINE_EVERY_MS = 60_000;

export function createPlainView(write: (line: string) => void): ProgressView {
  let lastState = '';
  const shown = new Map<string, { key: string; atMs: number }>();
  const warned = new Set<string>();
  return {
    update: (progress) => {
      const time = `[${formatDuration(progress.elapsedMs)}]`;
      const state = describeState(progress);
      if (state !== lastState) write(`${time} ${progress.name}: ${state}`);
      lastState = state;
      for (const database of progress.databases) {
        const key = `${database.state} ${database.operation} ${database.tablesFailed}`;
        const last = shown.get(database.database);
        const everyMs = progress.state === 'InProgress' ? LINE_EVERY_MS : WAITING_LINE_EVERY_MS;
        const isDue =
          last === undefined ||
          last.key !== key ||
          (!isEnded(database) && progress.elapsedMs - last.atMs >= everyMs);
        for (const warning of database.replication?.warnings ?? []) {
          const text = `${printable(database.database)}: ${printable(warning)}`;
          if (!warned.has(text)) write(`${time} ${text}`);
          warned.add(text);
        }
        if (!isDue) continue;
        // Nothing is known yet: the line would say nothing.
        if (last === undefined && database.operation === '' && database.tablesTotal === 0) continue;
        shown.set(database.database, { key, atMs: progress.elapsedMs });
        write(`${time} ${printable(database.database)}: ${databaseLine(database)}`);
      }
    },
    note: write,
    end: () => undefined,
  };
}
