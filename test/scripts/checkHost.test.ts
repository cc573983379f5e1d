import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { LEFT_OUT } from '../../scripts/checkHost/leftOut.ts';
import { freePort } from '../../scripts/freePort.ts';
import { root } from '../project/sources.ts';

const folder = path.join(root, 'test/e2e');
const texts = readdirSync(folder)
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => ({ name, text: readFileSync(path.join(folder, name), 'utf8') }));

test('every end-to-end test that is left out at a foreign host has a reason, and no other has', () => {
  const skipping = texts.filter(({ text }) => text.includes('OUTSIDE_URL !== undefined'));
  expect(Object.keys(LEFT_OUT)).toEqual(skipping.map(({ name }) => name).sort());
});

test('what kills or looks inside is left out', () => {
  const inside = /\bstack\.(?:kill|start|log|wholeLog|storage)\b/;
  const reckless = texts
    .filter(({ text }) => inside.test(text) && !text.includes('OUTSIDE_URL !== undefined'))
    .map(({ name }) => name);
  expect(reckless).toEqual([]);
});

test('a host that does not answer is told at once, without a test', async () => {
  const run = (url: string) =>
    spawnSync(process.execPath, [path.join(root, 'dist/scripts/checkHost/main.js'), url], {
      encoding: 'utf8',
    });
  const absent = run(`http://127.0.0.1:${await freePort()}`);
  expect([absent.status, absent.stderr]).toEqual([
    1,
    expect.stringMatching(/health does not answer/),
  ]);
  expect(run('7071')).toMatchObject({ status: 2, stderr: expect.stringMatching(/^Usage/) });
});
