import type { ReportTable } from './schema.ts';

/** Nothing is said of a time that is too short to measure. */
export function ratesOf(
  { rows, bytes }: { rows: number; bytes: number },
  durationMs: number,
): Pick<ReportTable, 'rowsPerSecond' | 'bytesPerSecond'> {
  if (durationMs <= 0) return {};
  const perSecond = (value: number) => Math.round((value * 1000) / durationMs);
  return { rowsPerSecond: perSecond(rows), bytesPerSecond: perSecond(bytes) };
}
