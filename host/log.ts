/** Log lines of the host and of the app's functions, on stderr. */

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

/**
 * One JSON object per line. An app that writes objects itself, as text because hosts carry nothing
 * else, gets its fields into the line.
 */
export function createLogger(minimum: LogLevel): Logger {
  return {
    write(level, source, message) {
      if (RANK[level] < RANK[minimum]) return;
      const line = {
        level: SHORT[level] ?? level,
        time: new Date().toISOString(),
        name: 'host',
        source,
        ...(objectOf(message) ?? { msg: message }),
      };
      process.stderr.write(`${JSON.stringify(line)}\n`);
    },
  };
}

/** As most loggers call them. */
const SHORT: Partial<Record<LogLevel, string>> = {
  information: 'info',
  warning: 'warn',
  critical: 'fatal',
};

function objectOf(message: string): object | undefined {
  if (!message.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(message);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
