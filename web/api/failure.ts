export interface FailureDetail {
  code?: string;
  message?: string;
  target?: string;
}

/** The service refused, or could not be reached (`status` 0). */
export class ApiFailure extends Error {
  readonly status: number;
  readonly code: string;
  readonly target: string | undefined;
  readonly details: readonly FailureDetail[];

  constructor(
    status: number,
    error: FailureDetail & { details?: readonly FailureDetail[] },
    options?: ErrorOptions,
  ) {
    super(error.message ?? `The service answered with status ${status}.`, options);
    this.name = 'ApiFailure';
    this.status = status;
    this.code = error.code ?? '';
    this.target = error.target;
    this.details = error.details ?? [];
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ApiFailure && error.status === 404;
}

/** What to show of anything that was thrown, one line for each cause. */
export function failureLines(error: unknown): string[] {
  if (error instanceof ApiFailure) {
    const details = error.details.flatMap(({ message }) =>
      message === undefined ? [] : [message],
    );
    return [error.message, ...details.filter((text) => text !== error.message)];
  }
  return [error instanceof Error ? error.message : String(error)];
}
