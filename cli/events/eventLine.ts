import { EVENT_TYPE_PREFIX } from '../../shared/contracts/eventTypes.ts';
import { printable } from '../terminal/width.ts';

/** What of an event is printed; deliveries and the log have it alike. */
export interface PrintedEvent {
  type: string;
  subject: string;
  time: string;
  data: Record<string, unknown>;
}

/** Cells: number, time, subject, type, and what of the data says most. */
export function eventCells({ type, subject, time, data }: PrintedEvent): string[] {
  const cells = [
    typeof data['sequence'] === 'number' ? String(data['sequence']) : '',
    time,
    subject.replace(/^migrations\//, ''),
    type.replace(EVENT_TYPE_PREFIX, ''),
    detailOf(data),
  ];
  return cells.map((cell) => printable(cell).replaceAll(/\s+/g, ' ').trim());
}

export function eventLine(event: PrintedEvent): string {
  const [sequence = '', ...rest] = eventCells(event);
  return `#${sequence} ${rest.filter((cell) => cell !== '').join('  ')}`;
}

/** Numbers with their unit; everything else is in the JSON. */
const FIGURES: readonly (readonly [string, string])[] = [
  ['latencySeconds', 's behind'],
  ['retainedBytes', ' bytes kept'],
  ['failedFindings', ' failed'],
  ['warningFindings', ' warnings'],
  ['durationSeconds', ' s'],
];

function detailOf(data: Record<string, unknown>): string {
  const text = (name: string) => (typeof data[name] === 'string' ? data[name] : '');
  const state = [text('state'), text('subState')].filter((part) => part !== '').join('/');
  const figures = FIGURES.flatMap(([name, unit]) =>
    typeof data[name] === 'number' ? [`${data[name]}${unit}`] : [],
  );
  const table = text('table') === '' ? '' : `${text('schema')}.${text('table')}`;
  const why = text('error') || text('message') || text('reason');
  return [state, text('status'), table, ...figures, why].filter((part) => part !== '').join(', ');
}
