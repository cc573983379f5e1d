import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readSources, readTexts, root } from './sources.ts';

/** Files are named after what they are about; these names are about nothing. */
const BUCKET = /(^|\/)(utils?|helpers?|common|misc|manager)(\/|\.ts$)/;

/** Left over from work in progress, or true on one machine only. */
const LEFTOVER: readonly (readonly [RegExp, string])[] = [
  [/\b(?:TODO|FIXME|XXX|HACK)\b/, 'an unfinished mark'],
  [/\b(?:it|test|describe)\.only\b/, 'a test that switches the others off'],
  [/\bdebugger\b;/, 'a debugger statement'],
  [/@ts-ignore|@ts-nocheck/, 'a silenced type error'],
];

/** What only one machine or one network has; in documents and settings as much as in the code. */
// The folder of a function app is the same in every image.
const LOCAL: readonly (readonly [RegExp, string])[] = [
  [/(?:^|[^\w.$}])\/(?:home(?!\/site\/wwwroot)|Users|root|work)\/\w/m, "one machine's path"],
  [
    /\bhttps?:\/\/(?!registry\.npmjs\.org\b)[^\s"']*\b(?:registry|npm|artifactory|nexus)\b/i,
    'a registry',
  ],
  [/\bhttps?:\/\/[\w.-]+\.(?:internal|corp|lan|intranet)\b/i, "one network's host"],
];

test('files are named after one concept', () => {
  expect(
    readSources()
      .map(({ file }) => file)
      .filter((file) => BUCKET.test(file)),
  ).toEqual([]);
});

test('nothing is left over from writing', () => {
  const found = readSources()
    .filter(({ file }) => file !== 'test/project/words.test.ts')
    .flatMap(({ file, text }) =>
      LEFTOVER.filter(([pattern]) => pattern.test(text)).map(([, what]) => `${file}: ${what}`),
    );
  expect(found).toEqual([]);
});

test('nothing is true on one machine only', () => {
  const found = readTexts()
    .filter(({ file }) => file !== 'test/project/words.test.ts')
    .flatMap(({ file, text }) =>
      LOCAL.flatMap(([pattern, what]) => {
        const match = pattern.exec(text);
        return match ? [`${file}: ${what}: ${match[0]}`] : [];
      }),
    );
  expect(found).toEqual([]);
});

// A test may list as many cases as there are.
test('files stay below 400 lines, tests aside', () => {
  const long = readSources()
    .filter(({ file }) => !file.startsWith('test/'))
    .map(({ file, text }) => ({ file, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > 400);
  expect(long).toEqual([]);
});

/**
 * npm leaves the packages of other platforms out of the lock file where the registry does not have
 * them, and `npm ci` then refuses it everywhere.
 */
test('the lock file has every platform of every optional package', () => {
  const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>;
  };
  const missing = Object.entries(packages).flatMap(([name, entry]) =>
    Object.keys(entry.optionalDependencies ?? {})
      .filter((wanted) => packages[`node_modules/${wanted}`] === undefined)
      .map((wanted) => `${wanted} of ${name}`),
  );
  expect(missing).toEqual([]);
});

test('the lock file names no registry', () => {
  const lock = readFileSync(path.join(root, 'package-lock.json'), 'utf8');
  expect(lock.match(/"resolved": "[^"]+"/g) ?? []).toEqual([]);
});
