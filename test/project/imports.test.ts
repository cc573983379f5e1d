import { expect, test } from 'vitest';
import { importsOf, readSources } from './sources.ts';

/**
 * Imports go one way (design section 1). For each folder: the folders of ours it may import, and
 * the packages it may not. The longest prefix of a file's path decides.
 */
interface Rule {
  ours: readonly string[];
  notPackages?: RegExp;
}

const EVERYWHERE = ['shared/errors/', 'shared/contracts/'];

const RULES: Readonly<Record<string, Rule>> = {
  // Never PostgreSQL, never the WAL: triggers only move state.
  'functions/': {
    ours: [
      'shared/api/',
      'shared/state/',
      'shared/secrets/',
      'shared/config/',
      'shared/notifications/',
      'shared/telemetry/',
    ],
    notPackages: /^pg(-|$)/,
  },
  // No Node, no clients: an orchestrator that does I/O cannot be replayed.
  'orchestrators/': { ours: [], notPackages: /^(?!durable-functions$)/ },
  'activities/': { ours: ['shared/'] },
  'replicator/': { ours: ['shared/'] },
  // The pre-checks, the connection URIs and the comparison are the command line's own work, and
  // Azurite is started by the script that the tests use too (docs/decisions).
  'cli/': {
    ours: [
      'shared/api/',
      'shared/pg/',
      // The receiver of events checks what the service signs.
      'shared/notifications/webhookSignature.ts',
      'scripts/azurite.ts',
      'scripts/stack/',
    ],
  },
  // What runs in the browser takes from the service what it takes over HTTP.
  'web/': { ours: ['shared/api/'], notPackages: /^(?!preact($|\/)|uplot$|vite$)/ },
  'host/': { ours: [], notPackages: /^pg(-|$)/ },
  'shared/': { ours: ['shared/'] },
  // Neither knows of Azure.
  'shared/pg/': { ours: ['shared/pg/'], notPackages: /^@azure|^durable-functions/ },
  'shared/wal/': { ours: ['shared/wal/', 'shared/pg/'], notPackages: /^@azure|^durable-functions/ },
  'shared/state/': {
    ours: ['shared/state/', 'shared/config/', 'shared/secrets/'],
    notPackages: /^pg(-|$)/,
  },
  'shared/contracts/': { ours: [], notPackages: /^(?!zod$)/ },
  'shared/errors/': { ours: [], notPackages: /./ },
};

/** The host is for development and tests and knows nothing of migrations: not even our errors. */
const WITHOUT_SHARED = ['host/'];

function ruleOf(file: string): { folder: string; rule: Rule } | undefined {
  const folder = Object.keys(RULES)
    .filter((prefix) => file.startsWith(prefix))
    .sort((a, b) => b.length - a.length)[0];
  const rule = folder === undefined ? undefined : RULES[folder];
  return folder === undefined || rule === undefined ? undefined : { folder, rule };
}

test('imports go one way', () => {
  const broken: string[] = [];
  for (const source of readSources()) {
    const found = ruleOf(source.file);
    if (found === undefined) continue;
    const { folder, rule } = found;
    const allowed = [folder, ...rule.ours, ...(WITHOUT_SHARED.includes(folder) ? [] : EVERYWHERE)];
    for (const name of importsOf(source)) {
      const isOurs = /^[a-z]+\//.test(name) && /\.tsx?$/.test(name);
      const isFine = isOurs
        ? allowed.some((prefix) => name.startsWith(prefix))
        : rule.notPackages?.test(name) !== true;
      if (!isFine) broken.push(`${source.file} imports ${name}`);
    }
  }
  expect(broken).toEqual([]);
});

test('orchestrators know no clock and no randomness', () => {
  const forbidden =
    /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|process\.|fetch\()/;
  const broken = readSources()
    .filter(({ file }) => file.startsWith('orchestrators/'))
    .filter(({ text }) => forbidden.test(text.replaceAll(/\/\*[^]*?\*\/|\/\/.*$/gm, '')))
    .map(({ file }) => file);
  expect(broken).toEqual([]);
});
