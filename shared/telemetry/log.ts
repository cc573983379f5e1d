import type { LogFields } from './fields.ts';

type Write = (message: string) => void;

/** The log of a function call: of `InvocationContext`, what is needed here. */
export interface ContextLog {
  debug: Write;
  info: Write;
  warn: Write;
  error: Write;
}

export interface StepLog {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/**
 * Writes each line as one JSON object: Functions hosts carry texts only, and this one can be taken
 * apart again (`parse_json(message).migrationId`).
 *
 * @param always Are in every line; asked for anew each time.
 */
export function stepLog(context: ContextLog, always: () => LogFields): StepLog {
  const line = (message: string, fields: LogFields = {}) =>
    JSON.stringify({ msg: message, ...always(), ...fields });
  return {
    debug: (message, fields) => context.debug(line(message, fields)),
    info: (message, fields) => context.info(line(message, fields)),
    warn: (message, fields) => context.warn(line(message, fields)),
    error: (message, fields) => context.error(line(message, fields)),
  };
}

/** The log of a function call that is no activity's. */
export function callLog(
  context: ContextLog & { functionName: string; invocationId: string },
): StepLog {
  const { functionName: step, invocationId } = context;
  return stepLog(context, () => ({ step, invocationId }));
}
