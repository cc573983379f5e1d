import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { complaintsAbout, filesBelow } from '../../scripts/images/contents.ts';

test('what does not belong into an image is found by name, by text and by package', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'pgmove-contents-'));
  try {
    const files: Record<string, string> = {
      'app/dist/functions/api.js': 'fine',
      'app/dist/test/api.js': '',
      'app/dist/shared/connect.ts': '',
      'app/local.settings.json': '{}',
      'app/dist/shared/server.key': '',
      'app/dist/shared/leak.js': `const x = "AccountKey=${'a'.repeat(40)}"`,
      'app/node_modules/pg/package.json': '{}',
      'app/node_modules/pg/test/x.ts': '',
      'app/node_modules/vitest/package.json': '{}',
    };
    for (const [file, text] of Object.entries(files)) {
      await mkdir(path.join(folder, path.dirname(file)), { recursive: true });
      await writeFile(path.join(folder, file), text);
    }
    const found = complaintsAbout(folder, filesBelow(folder), ['vitest']);
    expect(found).toEqual([
      'app/dist/shared/connect.ts: a source or a test',
      'app/dist/shared/leak.js: looks like a secret',
      'app/dist/shared/server.key: a key',
      'app/dist/test/api.js: a part that does not run in the service',
      'app/local.settings.json: local settings',
      'app/node_modules/vitest/package.json: the package vitest is not needed to run',
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
