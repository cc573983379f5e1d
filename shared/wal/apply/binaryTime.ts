/*
 * The binary formats of date (days since 2000) and of timestamp and timestamptz (microseconds since
 * 2000), from what their output functions print with DateStyle ISO and TimeZone UTC.
 */

const ZERO = 0x30;
const DASH = 0x2d;
const COLON = 0x3a;
const BLANK = 0x20;
const POINT = 0x2e;
const PLUS = 0x2b;

const DATE_BYTES = 10;
const SECONDS_BYTES = 19;
const MOST_FRACTION_DIGITS = 6;

const MICROSECONDS = 1_000_000;
const DAY_SECONDS = 86_400;
const EPOCH_DAY = daysFromCivil(2000, 1, 1);

/** Around 2000 a time is exact as a double; farther away it is left to the server's input function. */
const MOST_SECONDS = Math.floor(Number.MAX_SAFE_INTEGER / MICROSECONDS) - 1;

/** Days since 2000; undefined for what is not `YYYY-MM-DD`: infinities, other years. */
export function readDate(text: Buffer, end: number): number | undefined {
  return end === DATE_BYTES ? readDay(text) : undefined;
}

/**
 * Microseconds since 2000; undefined for what is not `YYYY-MM-DD HH:MM:SS` with up to six digits
 * behind a point, and `+00` where `hasZone`.
 */
export function readTimestamp(text: Buffer, length: number, hasZone: boolean): number | undefined {
  let end = length;
  if (hasZone) {
    end -= 3;
    if (text[end] !== PLUS || text[end + 1] !== ZERO || text[end + 2] !== ZERO) return undefined;
  }
  if (end < SECONDS_BYTES) return undefined;
  const day = readDay(text);
  if (day === undefined) return undefined;
  if (text[10] !== BLANK || text[13] !== COLON || text[16] !== COLON) return undefined;
  const time =
    digits(text, 11, 13) * 3600 + digits(text, 14, 16) * 60 + digits(text, 17, SECONDS_BYTES);
  let fraction = 0;
  if (end > SECONDS_BYTES) {
    const count = end - SECONDS_BYTES - 1;
    if (text[SECONDS_BYTES] !== POINT || count < 1 || count > MOST_FRACTION_DIGITS) {
      return undefined;
    }
    fraction = digits(text, SECONDS_BYTES + 1, end) * 10 ** (MOST_FRACTION_DIGITS - count);
  }
  const seconds = day * DAY_SECONDS + time;
  // NaN, where there was something else than a digit, is not smaller.
  if (!(Math.abs(seconds) < MOST_SECONDS) || !(fraction >= 0)) return undefined;
  return seconds * MICROSECONDS + fraction;
}

function readDay(text: Buffer): number | undefined {
  if (text[4] !== DASH || text[7] !== DASH) return undefined;
  const day = daysFromCivil(digits(text, 0, 4), digits(text, 5, 7), digits(text, 8, DATE_BYTES));
  return Number.isNaN(day) ? undefined : day - EPOCH_DAY;
}

function digits(text: Buffer, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = text[at]! - ZERO;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** Days since 1970 of a date of the Gregorian calendar, whose years are counted from March. */
function daysFromCivil(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
