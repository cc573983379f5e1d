/** NCRONTAB: `{second} {minute} {hour} {day} {month} {day of week}`, in UTC; or a TimeSpan. */
import { durationMs } from '../settings.ts';

export interface Schedule {
  /** The first time after `after`. */
  next(after: Date): Date;
}

interface Field {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  readonly names?: readonly string[];
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const FIELDS: readonly Field[] = [
  { name: 'second', low: 0, high: 59 },
  { name: 'minute', low: 0, high: 59 },
  { name: 'hour', low: 0, high: 23 },
  { name: 'day', low: 1, high: 31 },
  { name: 'month', low: 1, high: 12, names: MONTHS },
  { name: 'day of week', low: 0, high: 6, names: DAYS },
];
/** 29 February on a given weekday comes within 28 years; 40 covers a century's missing one. */
const FARTHEST_YEARS = 40;

export function parseSchedule(text: string): Schedule {
  const interval = durationMs(text);
  if (interval !== undefined) {
    if (interval <= 0) throw new Error(`The schedule "${text}" never comes.`);
    return { next: (after) => new Date(after.getTime() + interval) };
  }
  const parts = text.trim().split(/\s+/);
  // Five fields are minutes to weekdays, on the full minute.
  if (parts.length === 5) parts.unshift('0');
  if (parts.length !== 6) throw new Error(`The schedule "${text}" must have six fields.`);
  const sets = parts.map((part, index) => parseField(part, FIELDS[index] as Field, text));
  return { next: (after) => findNext(sets, after, text) };
}

function parseField(part: string, field: Field, text: string): ReadonlySet<number> {
  const values = new Set<number>();
  for (const item of part.split(',')) {
    const match = /^(\*|[A-Za-z]+|\d+)(?:-([A-Za-z]+|\d+))?(?:\/(\d+))?$/.exec(item);
    if (!match) throw fieldError(item, field, text);
    const [, start = '', end, step] = match;
    const from = start === '*' ? field.low : valueOf(start, field, text);
    const isOpen = start === '*' || (step !== undefined && end === undefined);
    const to = end === undefined ? (isOpen ? field.high : from) : valueOf(end, field, text);
    const by = Number(step ?? 1);
    if (to < from || by < 1) throw fieldError(item, field, text);
    for (let value = from; value <= to; value += by) values.add(value);
  }
  return values;
}

function valueOf(token: string, field: Field, text: string): number {
  const name = field.names?.indexOf(token.slice(0, 3).toUpperCase()) ?? -1;
  // Sunday may be 7.
  const number = name >= 0 ? name + field.low : Number(token);
  const value = field.name === 'day of week' && number === 7 ? 0 : number;
  if (!Number.isInteger(value) || value < field.low || value > field.high) {
    throw fieldError(token, field, text);
  }
  return value;
}

function fieldError(item: string, field: Field, text: string): Error {
  return new Error(`In the schedule "${text}", "${item}" is not a ${field.name}.`);
}

function findNext(sets: readonly ReadonlySet<number>[], after: Date, text: string): Date {
  const allows = (index: number, value: number): boolean => sets[index]?.has(value) ?? false;
  const time = new Date(Math.floor(after.getTime() / 1000) * 1000 + 1000);
  const limit = after.getUTCFullYear() + FARTHEST_YEARS;
  while (time.getUTCFullYear() <= limit) {
    if (!allows(4, time.getUTCMonth() + 1)) {
      time.setUTCMonth(time.getUTCMonth() + 1, 1);
      time.setUTCHours(0, 0, 0, 0);
    } else if (!allows(3, time.getUTCDate()) || !allows(5, time.getUTCDay())) {
      time.setUTCDate(time.getUTCDate() + 1);
      time.setUTCHours(0, 0, 0, 0);
    } else if (!allows(2, time.getUTCHours())) {
      time.setUTCHours(time.getUTCHours() + 1, 0, 0, 0);
    } else if (!allows(1, time.getUTCMinutes())) {
      time.setUTCMinutes(time.getUTCMinutes() + 1, 0, 0);
    } else if (!allows(0, time.getUTCSeconds())) {
      time.setUTCSeconds(time.getUTCSeconds() + 1, 0);
    } else {
      return time;
    }
  }
  throw new Error(`The schedule "${text}" never comes.`);
}
