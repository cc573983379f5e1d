/** Log lines of the host and of the app's functions: one line each on stderr. */

export type LogLevel =
  'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical' | 'none';

export interface Logger {
  write(level: LogLevel, source: string, message: string): void;
}

const RANK: Record<LogLevel, number> = {
  trace: 0,
  debug: 1,
  information: 2,
  warning: 3,
  error: 4,
  critical: 5,
  none: 6,
};

/** Accepts the names that host.json's `logging.logLevel` uses, in any case. */
export function parseLogLevel(text: string | undefined): LogLevel {
  const level = text?.toLowerCase();
  return level !== undefined && level in RANK ? (level as LogLevel) : 'information';
}

export function createLogger(minimum: LogLevel): Logger {
  return {
    write(level, source, message) {
      if (RANK[level] < RANK[minimum]) return;
      process.stderr.write(`${new Date().toISOString()} ${level} ${source}: ${message}\n`);
    },
  };
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
