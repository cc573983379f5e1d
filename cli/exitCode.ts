/** What the shell gets. */
export const EXIT = {
  succeeded: 0,
  failed: 1,
  /** Wrong arguments, or something that can be seen before anything starts. */
  usage: 2,
  validationFailed: 3,
  canceled: 4,
  /** `migration watch`: the migration waits for its operator. */
  waiting: 5,
  /** Ctrl-C for the second time, as shells count a death by SIGINT. */
  killed: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Stops a command with a message for people and an exit code; no stack is printed. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'CommandError';
    this.exitCode = exitCode;
  }
}

export function usageError(message: string, cause?: unknown): CommandError {
  return new CommandError(EXIT.usage, message, { cause });
}
