/**
 * The orchestration engine: keeps every instance that has not ended in memory, runs its episodes,
 * and dispatches what they schedule. An episode is committed before anything it caused begins, and
 * what it caused follows from its history; so a host that starts dispatches everything that is
 * open, and a step is lost at no point, but may run twice.
 */
import { randomUUID } from 'node:crypto';
import type { Invoker } from '../invocation.ts';
import { errorText } from '../log.ts';
import type { Logger } from '../log.ts';
import type { FunctionTable } from '../functionTable.ts';
import { Dispatcher } from './dispatcher.ts';
import { commitEpisode } from './episode.ts';
import type { EpisodeContext } from './episode.ts';
import { LiveInstance, messageToJson } from './instance.ts';
import type { Message } from './instance.ts';
import { Limiter } from './limiter.ts';
import { hasEnded } from './store.ts';
import { compareVersions } from './versions.ts';
import type { HubStore, InstanceRecord, ParentTask } from './store.ts';

export interface EngineOptions {
  store: HubStore;
  functions: FunctionTable;
  invoker: Invoker;
  logger: Logger;
  /** Of an orchestration that is started without one. */
  defaultVersion: string;
  maxConcurrentActivities: number;
  maxConcurrentOrchestrators: number;
  /** An orchestrator that names a running task again fails, as it would go wrong in Azure. */
  strictTasks: boolean;
  /** Called when the engine cannot go on (another host on the hub, for example). */
  onFatal: (error: unknown) => void;
}

export interface StartRequest {
  name: string;
  instanceId?: string | undefined;
  /** JSON text. */
  input: string | null;
  version?: string | undefined;
  parent?: ParentTask | undefined;
}

export class InstanceExistsError extends Error {}

export class Engine {
  readonly options: EngineOptions;
  readonly #live = new Map<string, LiveInstance>();
  readonly #idLocks = new Map<string, Promise<unknown>>();
  readonly #orchestrators: Limiter;
  readonly #dispatcher: Dispatcher;
  readonly #working = new Set<Promise<void>>();
  #isStopping = false;

  constructor(options: EngineOptions) {
    this.options = options;
    this.#orchestrators = new Limiter(options.maxConcurrentOrchestrators);
    this.#dispatcher = new Dispatcher({
      functions: options.functions,
      invoker: options.invoker,
      store: options.store,
      maxConcurrentActivities: options.maxConcurrentActivities,
      live: (id) => this.#live.get(id),
      tell: (instance, message) => this.tell(instance, message),
      start: (request) => this.start(request).then(() => undefined),
      run: (work) => this.#track(work),
    });
  }

  /** Takes up all that an earlier host left open in it. */
  async open(): Promise<void> {
    const { store } = this.options;
    const records = await store.readLiveInstances();
    const logs = await store.readExecutions(records.map((record) => record.executionId));
    const restored = records.map((record) =>
      LiveInstance.restore(record, logs.get(record.executionId) ?? { episodes: [], inbox: [] }),
    );
    for (const instance of restored) this.#live.set(instance.id, instance);
    for (const instance of restored) {
      if (hasEnded(instance.record.status)) this.#retire(instance);
      else if (this.#mayRun(instance)) this.#dispatcher.resume(instance);
    }
    for (const instance of restored) this.#wake(instance);
  }

  /** Takes no new work; resolves when what runs has been committed, or after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#dispatcher.stop();
    for (const instance of this.#live.values()) instance.clearTimers();
    const deadline = Date.now() + graceMs;
    while (this.#working.size > 0 && Date.now() < deadline) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, deadline - Date.now());
      });
      await Promise.race([Promise.allSettled(this.#working), late]);
      clearTimeout(timer);
    }
    const writes = [...this.#live.values()].map((instance) => instance.recordWrites);
    await Promise.race([
      Promise.allSettled(writes),
      new Promise((resolve) => setTimeout(resolve, 1_000).unref()),
    ]);
  }

  /** Starts an instance; an id that has ended is used again, one that has not is refused. */
  async start(request: StartRequest): Promise<string> {
    const instanceId = request.instanceId ?? randomUUID().replaceAll('-', '');
    await this.#withId(instanceId, async () => {
      const known =
        request.instanceId === undefined ? undefined : await this.find(instanceId, true);
      if (known && isSameParent(known.parent, request.parent)) return;
      if (known && !hasEnded(known.status)) {
        throw new InstanceExistsError(
          `An Orchestration instance with the status ${known.status} already exists.`,
        );
      }
      const now = new Date();
      const record: InstanceRecord = {
        instanceId,
        executionId: randomUUID().replaceAll('-', ''),
        name: request.name,
        version: request.version ?? this.options.defaultVersion,
        createdAt: now,
        updatedAt: now,
        parent: request.parent,
        input: request.input,
        status: 'Pending',
        output: null,
        customStatus: null,
      };
      const instance = new LiveInstance(record);
      await this.options.store.writeInstance(record);
      this.#live.set(instanceId, instance);
      this.#wake(instance);
      if (known) this.#track(this.options.store.removeExecution(known.executionId));
    });
    return instanceId;
  }

  live(instanceId: string): LiveInstance | undefined {
    return this.#live.get(instanceId);
  }

  /** All instances that have not ended, with their records up to date in storage. */
  async flush(): Promise<void> {
    await Promise.all([...this.#live.values()].map((instance) => instance.recordWrites));
  }

  async find(instanceId: string, settled = false): Promise<InstanceRecord | undefined> {
    const instance = this.#live.get(instanceId);
    if (instance && (!settled || !instance.isEnded)) return instance.record;
    // Its last row must be written before another execution may take its place.
    if (instance) await instance.recordWrites;
    return this.options.store.readInstance(instanceId);
  }

  /** Gives a message to an instance, durably: it survives the host once this resolves. */
  async send(instance: LiveInstance, message: Message): Promise<void> {
    const sequence = instance.nextSequence();
    const write = instance.inboxWrites.then(async () => {
      await this.options.store.addToInbox(instance.record.executionId, {
        sequence,
        message: messageToJson(message),
      });
      this.#receive(instance, { ...message, sequence });
    });
    instance.inboxWrites = write.catch(() => undefined);
    await write;
  }

  /** Tells an instance what happened to one of its tasks. */
  tell(instance: LiveInstance, message: Message): void {
    if (instance.isEnded) return;
    if (instance.suspendedBecause === undefined) {
      this.#receive(instance, message);
      return;
    }
    // It may be days before a suspended instance takes this, so it must outlive the host.
    this.#track(this.send(instance, message));
  }

  async purge(record: InstanceRecord): Promise<boolean> {
    return this.#withId(record.instanceId, async () => {
      const current = await this.find(record.instanceId, true);
      if (!current || current.executionId !== record.executionId) return false;
      if (!hasEnded(current.status)) return false;
      await this.options.store.removeExecution(record.executionId);
      await this.options.store.removeInstance(record.instanceId);
      return true;
    });
  }

  #receive(instance: LiveInstance, message: Message): void {
    if (instance.isEnded) return;
    instance.messages.push(message);
    this.#wake(instance);
  }

  /** One that newer code has started waits for newer code (versionMatchStrategy CurrentOrOlder). */
  #mayRun({ record }: LiveInstance): boolean {
    return compareVersions(record.version, this.options.defaultVersion) <= 0;
  }

  #wake(instance: LiveInstance): void {
    if (instance.isActive || !instance.hasWork || !this.#mayRun(instance)) return;
    instance.isActive = true;
    this.#track(this.#work(instance));
  }

  async #work(instance: LiveInstance): Promise<void> {
    // What ends at about the same time is told in one episode.
    await new Promise((resolve) => setImmediate(resolve));
    try {
      while (instance.hasWork) {
        await this.#orchestrators.run(() => this.#runEpisode(instance));
      }
    } finally {
      instance.isActive = false;
    }
    this.#wake(instance);
  }

  async #runEpisode(instance: LiveInstance): Promise<void> {
    const { store, functions, invoker, logger, strictTasks } = this.options;
    const context: EpisodeContext = { store, functions, invoker, logger, strictTasks };
    const outcome = await commitEpisode(context, instance);
    if (!outcome) return;
    if (outcome.taken.length > 0) {
      this.#track(store.removeFromInbox(instance.record.executionId, outcome.taken));
    }
    if (outcome.replacedEpisodes > 0) {
      const { executionId } = instance.record;
      const old = instance.generation - 1;
      this.#track(store.removeGeneration(executionId, old, outcome.replacedEpisodes));
    }
    if (hasEnded(instance.record.status)) {
      this.#retire(instance);
      return;
    }
    if (outcome.isRecordChanged) this.#saveRecord(instance);
    if (this.#isStopping) return;
    this.#dispatcher.dispatch(instance, outcome.scheduled);
    for (const id of outcome.canceledTimers) this.#dispatcher.cancelTimer(instance, id);
  }

  /** An instance has ended: its record is written, its parent told, and it is forgotten. */
  #retire(instance: LiveInstance): void {
    instance.isEnded = true;
    instance.clearTimers();
    const { parent } = instance.record;
    const waiting = parent ? this.#live.get(parent.instanceId) : undefined;
    if (waiting) this.#dispatcher.tellParent(waiting, instance.record);
    this.#saveRecord(instance);
    this.#track(
      instance.recordWrites.then(() => {
        if (this.#live.get(instance.id) === instance) this.#live.delete(instance.id);
      }),
    );
  }

  /** Writes the row that lists read; several changes while a write runs become one. */
  #saveRecord(instance: LiveInstance): void {
    if (instance.recordIsDirty) return;
    instance.recordIsDirty = true;
    instance.recordWrites = instance.recordWrites.then(async () => {
      instance.recordIsDirty = false;
      await this.options.store.writeInstance(instance.record);
    });
    this.#track(instance.recordWrites);
  }

  /** Remembers work until it is done; what fails here cannot be made good by going on. */
  #track(work: Promise<unknown>): void {
    const tracked: Promise<void> = work.then(
      () => void this.#working.delete(tracked),
      (error: unknown) => {
        this.#working.delete(tracked);
        if (this.#isStopping) return;
        this.options.logger.write('critical', 'host', errorText(error));
        this.options.onFatal(error);
      },
    );
    this.#working.add(tracked);
  }

  /** Runs work on one instance id after all that was begun before it. */
  async #withId<T>(id: string, work: () => Promise<T>): Promise<T> {
    const earlier = this.#idLocks.get(id) ?? Promise.resolve();
    const run = earlier.then(work, work);
    const settled = run.then(
      () => undefined,
      () => undefined,
    );
    this.#idLocks.set(id, settled);
    try {
      return await run;
    } finally {
      if (this.#idLocks.get(id) === settled) this.#idLocks.delete(id);
    }
  }
}

function isSameParent(known: ParentTask | undefined, asked: ParentTask | undefined): boolean {
  if (!known || !asked) return false;
  return (
    known.executionId === asked.executionId &&
    known.generation === asked.generation &&
    known.taskId === asked.taskId
  );
}
