const MOMENT = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
});
const EXACT = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** In the time zone of the reader: `21 Nov 2026, 15:04`. */
export function formatMoment(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? iso : MOMENT.format(date);
}

/** With seconds and without the year, for a log. */
export function formatExact(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? iso : EXACT.format(date);
}

/** `0.4 s`, `12 s`, `3 min 5 s`, `2 h 4 min`, `3 d 1 h` */
export function formatDuration(ms: number): string {
  const time = Math.max(0, ms);
  if (time < 10 * SECOND) return `${(time / SECOND).toFixed(1)} s`;
  if (time < MINUTE) return `${Math.floor(time / SECOND)} s`;
  if (time < HOUR) return pair(time, MINUTE, 'min', SECOND, 's');
  if (time < DAY) return pair(time, HOUR, 'h', MINUTE, 'min');
  return pair(time, DAY, 'd', HOUR, 'h');
}

/** The API says seconds; people read minutes and seconds: `0 min 12 s`. */
export function formatLatency(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** From a start to its end, or to now. */
export function elapsedMs(startedOn: string, endedOn: string | undefined, now: number): number {
  const end = endedOn === undefined ? now : Date.parse(endedOn);
  return Math.max(0, end - Date.parse(startedOn));
}

function pair(time: number, unit: number, name: string, small: number, smallName: string): string {
  return `${Math.floor(time / unit)} ${name} ${Math.floor((time % unit) / small)} ${smallName}`;
}
