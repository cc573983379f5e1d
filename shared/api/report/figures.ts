import { formatBytes, formatCount, formatDuration } from '../units.ts';

/** Numbers with their units; a dash where there is none. */

const NONE = '–';

export function counted(number: number, noun: string): string {
  return `${formatCount(number)} ${noun}${number === 1 ? '' : 's'}`;
}

export function duration(milliseconds: number | undefined): string {
  return milliseconds === undefined ? NONE : formatDuration(milliseconds);
}

export function byteRate(bytesPerSecond: number | undefined): string {
  return bytesPerSecond === undefined ? NONE : `${formatBytes(bytesPerSecond)}/s`;
}

export function rowRate(rowsPerSecond: number | undefined): string {
  return rowsPerSecond === undefined ? NONE : `${formatCount(rowsPerSecond)} rows/s`;
}

/** `2026-03-01 12:00:05 UTC` */
export function moment(time: string | undefined): string {
  if (time === undefined) return NONE;
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
