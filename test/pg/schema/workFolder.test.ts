import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { makeWorkFolder } from '../../../shared/pg/schema/workFolder.ts';

test('a folder goes with its dump, and one of a process that was killed with the next dump', async () => {
  // A process that has ended: nobody has its number any more.
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  let abandoned = '';
  let mine = '';
  {
    await using folder = await makeWorkFolder();
    mine = folder.path;
    abandoned = mine.replace(`-${process.pid}-`, `-${pid}-`);
    await mkdir(abandoned);
    const other = mine.replace(/pgmove-dump-[^-]*-/, 'pgmove-dump-anotherhost-');
    await mkdir(other);
    await using next = await makeWorkFolder();
    expect(path.dirname(next.path)).toBe(path.dirname(mine));
    expect([abandoned, mine, other, next.path].map((name) => existsSync(name))).toEqual([
      false,
      true,
      true,
      true,
    ]);
    await rm(other, { recursive: true });
  }
  expect(existsSync(mine)).toBe(false);
});
