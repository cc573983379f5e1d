import { expect, test } from 'vitest';
import { importsOf, readSources } from './sources.ts';

/** What runs in Azure as it is: the local host stands in for the real one and is not known to it. */
const APP = ['functions/', 'orchestrators/', 'activities/', 'shared/'];

const app = readSources().filter(({ file }) => APP.some((folder) => file.startsWith(folder)));

test('the app imports nothing of the local host', () => {
  expect(app.length).toBeGreaterThan(100);
  const found = app.flatMap((source) =>
    importsOf(source)
      .filter((name) => name.startsWith('host/'))
      .map((name) => `${source.file} imports ${name}`),
  );
  expect(found).toEqual([]);
});

test('the app does not name it, nor ask whether it is there', () => {
  const name =
    /local (?:Functions )?host\b|FUNCTIONS_HOST_|host\/main|AZURE_FUNCTIONS_ENVIRONMENT/i;
  expect(app.filter(({ text }) => name.test(text)).map(({ file }) => file)).toEqual([]);
});
