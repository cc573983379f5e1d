import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readTexts, root } from './sources.ts';

/** As GitHub makes them of headings. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, title = '']) => title);
  return new Set(
    headings.map((title) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  );
}

test('links between documents lead somewhere', () => {
  const documents = new Map(
    readTexts()
      .filter(({ file }) => file.endsWith('.md'))
      .map(({ file, text }) => [file, text]),
  );
  expect(documents.size).toBeGreaterThan(10);
  const broken: string[] = [];
  for (const [file, text] of documents) {
    const prose = text.replaceAll(/```[^]*?```|`[^`\n]*`/g, '');
    for (const [, link = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(?:https?|mailto):/.test(link)) continue;
      const [target = '', anchor] = link.split('#');
      const wanted = target === '' ? file : path.posix.join(path.posix.dirname(file), target);
      const isThere = existsSync(path.join(root, wanted));
      const hasAnchor = anchor === undefined || anchorsOf(documents.get(wanted) ?? '').has(anchor);
      if (!isThere || !hasAnchor) broken.push(`${file}: ${link}`);
    }
  }
  expect(broken).toEqual([]);
});
