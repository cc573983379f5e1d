import type { InvocationContext } from '@azure/functions';
import type { ActivityInput, ActivityName } from '../../shared/contracts/activities.ts';
import { kindOf } from '../../shared/errors/classify.ts';
import type { MigrationErrorKind } from '../../shared/errors/migrationError.ts';
import { safeCause } from '../../shared/pg/copy/failure.ts';
import { fieldsOf } from '../../shared/telemetry/fields.ts';
import type { LogFields } from '../../shared/telemetry/fields.ts';
import { stepLog } from '../../shared/telemetry/log.ts';
import type { StepLog } from '../../shared/telemetry/log.ts';
import { countStep } from '../../shared/telemetry/metrics.ts';
import { beginSpan } from '../../shared/telemetry/telemetry.ts';

/** What is told of one call of an activity: its lines, its span, its time. */
export interface StepScope {
  log: StepLog;
  about(fields: LogFields): void;
  end(): void;
  /** Gives what may be told of the error. */
  fail(error: unknown): { kind: MigrationErrorKind; message: string };
}

export function beginStep(
  name: ActivityName,
  input: ActivityInput<ActivityName>,
  context: InvocationContext,
): StepScope {
  const startedAt = performance.now();
  let fields: LogFields = {
    ...fieldsOf(input.ref, 'database' in input ? input.database : undefined),
    step: name,
    invocationId: context.invocationId,
    ...instanceOf(context),
    ...('attempt' in input ? { attempt: input.attempt } : {}),
    ...('generation' in input ? { generation: input.generation } : {}),
  };
  const log = stepLog(context, () => fields);
  const count = countStep(name);
  const span = beginSpan(name, fields, context.traceContext?.traceParent);
  const durationMs = () => Math.round(performance.now() - startedAt);
  return {
    log,
    about(known) {
      fields = { ...fields, ...known };
      span.about(known);
    },
    end() {
      count(undefined);
      span.end();
      log.debug('step done', { durationMs: durationMs() });
    },
    fail(error) {
      const kind = kindOf(error);
      const message = safeCause(error);
      count(kind);
      span.end(kind);
      const known = { kind, error: message, durationMs: durationMs() };
      // Only our own defects need their stack; what a server says is told to the operator.
      if (kind === 'internal') log.error('step failed', { ...known, ...stackOf(error) });
      else log.warn('step failed', known);
      return { kind, message };
    },
  };
}

/** The orchestration that called; hosts give it beside the input. */
function instanceOf({ triggerMetadata }: InvocationContext): Pick<LogFields, 'instanceId'> {
  const instanceId = triggerMetadata?.['instanceId'];
  return typeof instanceId === 'string' ? { instanceId } : {};
}

/** Where it happened; the text before it may hold more than may be told. */
function stackOf(error: unknown): Pick<LogFields, 'stack'> {
  if (!(error instanceof Error) || error.stack === undefined) return {};
  const lines = error.stack.split('\n').filter((line) => /^ {4}at /.test(line));
  return { stack: lines.map((line) => line.trim()).join('\n') };
}
