import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

const FOLDERS = [
  'activities',
  'bench',
  'cli',
  'functions',
  'host',
  'orchestrators',
  'replicator',
  'scripts',
  'shared',
  'test',
  'web',
];

export interface Source {
  /** Relative to the repository, with slashes: `shared/pg/connect.ts`. */
  file: string;
  text: string;
}

/** Every file of the repository that people read: what git has or would take. */
export function readTexts(): Source[] {
  return filesBelow('')
    .filter((file) => file !== 'package-lock.json')
    .map((file) => ({ file, text: readFileSync(path.join(root, file), 'utf8') }));
}

/** What .gitignore names, and git itself. */
const NOT_OURS = new Set(['.git', 'node_modules', 'dist', '.pgmove', 'local.settings.json']);

function filesBelow(folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.has(entry.name) || entry.name.endsWith('.log')) return [];
    const file = folder === '' ? entry.name : `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesBelow(file) : entry.isFile() ? [file] : [];
  });
}

/** Every TypeScript and JavaScript file that people wrote. */
export function readSources(): Source[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(tsx?|mjs)$/.test(name))
      .map((name) => ({
        file: `${folder}/${name.replaceAll(path.sep, '/')}`,
        text: readFileSync(path.join(root, folder, name), 'utf8'),
      })),
  );
}

/**
 * What a file imports: packages by name (`pg`, `node:fs`), our own files relative to the
 * repository. Types count too: an import that is only a type still ties two parts together.
 */
export function importsOf(source: Source): string[] {
  const pattern =
    /^\s*(?:import|export)\s[^'";]*?from\s*'([^']+)'|^\s*import\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;
  return [...source.text.matchAll(pattern)].map((match) => {
    const name = match[1] ?? match[2] ?? match[3] ?? '';
    return name.startsWith('.') ? path.posix.join(path.posix.dirname(source.file), name) : name;
  });
}
