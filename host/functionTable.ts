/** The app's functions by what triggers them. */
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { collectFunctions } from './core.ts';
import type { RegisteredFunction } from './core.ts';

export class FunctionTable {
  readonly all: readonly RegisteredFunction[];
  readonly #byName = new Map<string, RegisteredFunction>();

  constructor(functions: readonly RegisteredFunction[]) {
    this.all = functions;
    for (const fn of functions) this.#byName.set(fn.name.toLowerCase(), fn);
  }

  withTrigger(type: string): RegisteredFunction[] {
    return this.all.filter((fn) => fn.trigger.type.toLowerCase() === type.toLowerCase());
  }

  orchestrator(name: string): RegisteredFunction | undefined {
    return this.#named(name, 'orchestrationtrigger');
  }

  activity(name: string): RegisteredFunction | undefined {
    return this.#named(name, 'activitytrigger');
  }

  unknown(kind: 'orchestrator' | 'activity', name: string): string {
    const type = kind === 'activity' ? 'activityTrigger' : 'orchestrationTrigger';
    const known = this.withTrigger(type).map((fn) => `'${fn.name}'`);
    return (
      `The function '${name}' doesn't exist, is disabled, or is not an ${kind} function. ` +
      `The following are the known ${kind} functions: ${known.join(', ') || 'none'}.`
    );
  }

  #named(name: string, triggerType: string): RegisteredFunction | undefined {
    const fn = this.#byName.get(name.toLowerCase());
    return fn?.trigger.type.toLowerCase() === triggerType ? fn : undefined;
  }
}

// Modules are evaluated once per process, so a second host in it uses what the first one found.
const loaded = new Map<string, readonly RegisteredFunction[]>();

/** Imports the files that package.json's `main` names (a glob), each of which registers itself. */
export async function loadFunctions(appRoot: string): Promise<FunctionTable> {
  const known = loaded.get(appRoot);
  if (known) return new FunctionTable(known);
  const manifest = JSON.parse(await readFile(path.join(appRoot, 'package.json'), 'utf8')) as {
    main?: string;
  };
  if (!manifest.main) throw new Error(`${appRoot}/package.json has no "main".`);
  const files = globSync(manifest.main, { cwd: appRoot }).sort();
  if (files.length === 0) {
    throw new Error(`No file matches "main" of package.json, "${manifest.main}", in ${appRoot}.`);
  }
  const functions = await collectFunctions(async () => {
    for (const file of files) await import(pathToFileURL(path.join(appRoot, file)).href);
  });
  loaded.set(appRoot, functions);
  return new FunctionTable(functions);
}
