/**
 * What the real worker supplies to function apps under the name '@azure/functions-core': a module
 * that exists on no registry and through which `@azure/functions` registers an app's functions.
 */
import Module from 'node:module';
import type { Logger, LogLevel } from './log.ts';

export interface Binding {
  readonly type: string;
  readonly direction?: string;
  readonly [option: string]: unknown;
}

export type Handler = (...parameters: unknown[]) => unknown;

export interface RegisteredFunction {
  readonly name: string;
  readonly bindings: Readonly<Record<string, Binding>>;
  readonly triggerName: string;
  readonly trigger: Binding;
  readonly handler: Handler;
}

/** A value on its way into or out of a function, as the worker's protocol has it. */
export interface TypedData {
  string?: string | null;
  json?: string | null;
  bytes?: Uint8Array | null;
  int?: number | null;
  double?: number | null;
}

export interface CoreInvocation {
  invocationId: string;
  metadata: { name: string; bindings: Readonly<Record<string, Binding>> };
  request: {
    inputData: { name: string; data: TypedData | undefined }[];
    triggerMetadata?: Record<string, TypedData>;
    retryContext?: null;
    traceContext?: null;
  };
  state?: string;
  log(level: LogLevel, category: string, message: string): void;
}

export interface InvocationModel {
  getArguments(): Promise<{ context: { functionName: string }; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], handler: Handler): Promise<unknown>;
  getResponse(
    context: unknown,
    result: unknown,
  ): Promise<{
    returnValue?: TypedData | null;
    outputData?: { name: string; data?: TypedData | null }[];
  }>;
}

export interface ProgrammingModel {
  name: string;
  getInvocationModel(invocation: CoreInvocation): InvocationModel;
}

type HookCallback = (context: Record<string, unknown>) => unknown;

interface CoreState {
  model: ProgrammingModel | undefined;
  registered: RegisteredFunction[];
  hooks: Map<string, HookCallback[]>;
  open: boolean;
  logger: Logger | undefined;
  installed: boolean;
}

const state: CoreState = {
  model: undefined,
  registered: [],
  hooks: new Map(),
  open: false,
  logger: undefined,
  installed: false,
};

const HOST_VERSION = '4.1037.0';
const WORKER_VERSION = '3.13.0';

function registerFunction(
  metadata: { name: string; bindings: Record<string, Binding> },
  handler: Handler,
): { dispose(): void } {
  if (!state.open) {
    throw new Error('A function can only be registered during app startup.');
  }
  if (state.registered.some((other) => other.name === metadata.name)) {
    throw new Error(`A function with the name "${metadata.name}" has already been registered.`);
  }
  const trigger = Object.entries(metadata.bindings).find(([, binding]) =>
    /trigger$/i.test(binding.type),
  );
  if (!trigger) throw new Error(`The function "${metadata.name}" has no trigger.`);
  const entry: RegisteredFunction = {
    name: metadata.name,
    bindings: metadata.bindings,
    triggerName: trigger[0],
    trigger: trigger[1],
    handler,
  };
  state.registered.push(entry);
  return { dispose: () => undefined };
}

function registerHook(name: string, callback: HookCallback): { dispose(): void } {
  const callbacks = state.hooks.get(name) ?? [];
  state.hooks.set(name, callbacks);
  callbacks.push(callback);
  return { dispose: () => void callbacks.splice(callbacks.indexOf(callback), 1) };
}

class Disposable {
  readonly dispose: () => unknown;
  constructor(dispose: () => unknown) {
    this.dispose = dispose;
  }
}

const coreModule = {
  version: WORKER_VERSION,
  hostVersion: HOST_VERSION,
  registerHook,
  registerFunction,
  setProgrammingModel: (model: ProgrammingModel): void => {
    state.model = model;
  },
  getProgrammingModel: (): ProgrammingModel | undefined => state.model,
  log: (level: LogLevel, _category: string, message: string): void => {
    state.logger?.write(level, 'worker', message);
  },
  Disposable,
};

/** Makes `require('@azure/functions-core')` answer with this module, as the real worker does. */
export function installCore(logger: Logger): void {
  state.logger = logger;
  if (state.installed) return;
  state.installed = true;
  const prototype = Module.prototype as unknown as {
    require: (this: unknown, id: string) => unknown;
  };
  const original = prototype.require;
  prototype.require = function requireWithCore(this: unknown, id: string): unknown {
    return id === '@azure/functions-core' ? coreModule : original.call(this, id);
  };
}

/** Runs `load` and returns the functions that were registered while it ran. */
export async function collectFunctions(load: () => Promise<void>): Promise<RegisteredFunction[]> {
  const before = state.registered.length;
  state.open = true;
  try {
    await load();
  } finally {
    state.open = false;
  }
  return state.registered.slice(before);
}

export function programmingModel(): ProgrammingModel {
  if (!state.model) throw new Error('The function app does not use @azure/functions.');
  return state.model;
}

/** Runs the app's hooks of one kind in the order of their registration. */
export async function runHooks(name: string, context: Record<string, unknown>): Promise<void> {
  for (const callback of state.hooks.get(name) ?? []) await callback(context);
}

export function hasHooks(name: string): boolean {
  return (state.hooks.get(name)?.length ?? 0) > 0;
}
