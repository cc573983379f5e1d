/** Runs one function the way the worker does: arguments, hooks, handler, hooks, response. */
import { randomUUID } from 'node:crypto';
import { hasHooks, programmingModel, runHooks } from './core.ts';
import type { CoreInvocation, RegisteredFunction, TypedData } from './core.ts';
import type { Logger } from './log.ts';

export interface InvocationInput {
  /** Data of the trigger for the model to convert; undefined with `triggerValue`. */
  trigger?: TypedData | undefined;
  /** The trigger's value as it is, past the conversion (requests, orchestrations). */
  triggerValue?: { readonly value: unknown };
  triggerMetadata?: Record<string, TypedData>;
}

export interface InvocationOutput {
  /** What the handler returned. */
  result: unknown;
  /** Values of the output bindings, by name. */
  outputs: { name: string; data: TypedData | null | undefined }[];
}

export interface Invoker {
  invoke(fn: RegisteredFunction, input: InvocationInput): Promise<InvocationOutput>;
}

export interface InvokerOptions {
  logger: Logger;
  timeoutMs: number | undefined;
  /** Value of an input binding that is not the trigger. */
  inputBinding(type: string, fn: RegisteredFunction): TypedData | undefined;
}

const UNLIMITED = new Set(['orchestrationtrigger']);

export function createInvoker(options: InvokerOptions): Invoker {
  return {
    invoke(fn, input) {
      const run = runFunction(options, fn, input);
      if (options.timeoutMs === undefined || UNLIMITED.has(fn.trigger.type.toLowerCase())) {
        return run;
      }
      return withTimeout(run, options.timeoutMs, fn.name);
    },
  };
}

async function runFunction(
  options: InvokerOptions,
  fn: RegisteredFunction,
  input: InvocationInput,
): Promise<InvocationOutput> {
  const invocation = describeInvocation(options, fn, input);
  const model = programmingModel().getInvocationModel(invocation);
  const { context, inputs } = await model.getArguments();
  if (input.triggerValue) inputs.unshift(input.triggerValue.value);
  const hookData = {};
  let handler = fn.handler;
  if (hasHooks('preInvocation')) {
    const hookContext = {
      hookData,
      appHookData: {},
      invocationContext: context,
      functionCallback: handler,
      inputs,
    };
    await runHooks('preInvocation', hookContext);
    handler = hookContext.functionCallback;
  }
  let result: unknown;
  let error: unknown;
  try {
    result = await model.invokeFunction(context, inputs, handler);
  } catch (cause) {
    error = cause ?? new Error('The function failed.');
  }
  if (hasHooks('postInvocation')) {
    invocation.state = 'postInvocationHooks';
    const hookContext = {
      hookData,
      appHookData: {},
      invocationContext: context,
      inputs,
      result,
      error,
    };
    await runHooks('postInvocation', hookContext);
    result = hookContext.result;
    error = hookContext.error;
  }
  if (error !== undefined && error !== null) throw error;
  return { result, outputs: await extraOutputs(fn, model, context) };
}

function describeInvocation(
  options: InvokerOptions,
  fn: RegisteredFunction,
  input: InvocationInput,
): CoreInvocation {
  const inputData: CoreInvocation['request']['inputData'] = [];
  if (!input.triggerValue) inputData.push({ name: fn.triggerName, data: input.trigger });
  for (const [name, binding] of Object.entries(fn.bindings)) {
    if (name === fn.triggerName || binding.direction === 'out') continue;
    inputData.push({ name, data: options.inputBinding(binding.type, fn) });
  }
  return {
    invocationId: randomUUID(),
    metadata: { name: fn.name, bindings: fn.bindings },
    request: { inputData, triggerMetadata: input.triggerMetadata ?? {} },
    log: (level, _category, message) => options.logger.write(level, fn.name, message),
  };
}

/**
 * Only what was set through `context.extraOutputs` goes through the model: the return value of a
 * request is streamed and that of an orchestration is used as it is.
 */
async function extraOutputs(
  fn: RegisteredFunction,
  model: ReturnType<ReturnType<typeof programmingModel>['getInvocationModel']>,
  context: unknown,
): Promise<InvocationOutput['outputs']> {
  const hasOutputs = Object.entries(fn.bindings).some(
    ([name, binding]) => binding.direction === 'out' && name !== '$return',
  );
  if (!hasOutputs) return [];
  const response = await model.getResponse(context, undefined);
  return (response.outputData ?? []).map(({ name, data }) => ({ name, data }));
}

async function withTimeout<T>(run: Promise<T>, timeoutMs: number, name: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`The function ${name} exceeded functionTimeout (${timeoutMs} ms).`)),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([run, late]);
  } finally {
    clearTimeout(timer);
    run.catch(() => undefined);
  }
}
