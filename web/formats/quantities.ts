const COUNT = new Intl.NumberFormat('en');
const SHORT = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'] as const;

/** `12,345` */
export function formatCount(count: number): string {
  return COUNT.format(Math.round(count));
}

/** `1 table`, `2 tables` */
export function countOf(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`;
}

/** Powers of 1024, as PostgreSQL counts them: `1.5 GB`. */
export function formatBytes(bytes: number): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? formatCount(value) : SHORT.format(value)} ${UNITS[unit]}`;
}

/** Axis labels and rates: `12.3k`. */
export function formatShort(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${SHORT.format(value / 1e9)}G`;
  if (size >= 1e6) return `${SHORT.format(value / 1e6)}M`;
  if (size >= 1e4) return `${SHORT.format(value / 1e3)}k`;
  return SHORT.format(value);
}

/** 0 to 100; a part that is not finished never shows as 100. */
export function percentOf(done: number, total: number): number {
  if (total <= 0) return 0;
  if (done >= total) return 100;
  return Math.max(0, Math.min(99, Math.floor((done / total) * 100)));
}
