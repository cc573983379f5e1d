import type { WizardDraft } from './draft.ts';

/** One entry on each line; blank lines and what is said twice do not count. */
export function linesOf(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trim());
  return [...new Set(lines)].filter((line) => line !== '');
}

/** The name that a database gets on the target: its own where none is typed in. */
export function targetNameOf({ targetNames }: WizardDraft, database: string): string {
  return (targetNames.get(database) ?? '').trim() || database;
}

/** Source and target name of each chosen database that gets another one. */
export function renamedDatabases(draft: WizardDraft): [string, string][] {
  return draft.databases
    .map((name): [string, string] => [name, targetNameOf(draft, name)])
    .filter(([source, target]) => source !== target);
}
