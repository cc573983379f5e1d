import { expect, test } from 'vitest';
import { createLiveArea } from '../../cli/terminal/liveArea.ts';
import { renderTable } from '../../cli/terminal/table.ts';
import { formatBytes, formatCount, formatDuration } from '../../cli/terminal/units.ts';
import { displayWidth, fit, printable } from '../../cli/terminal/width.ts';

test('numbers are written for people, without a step that shows 1000', () => {
  expect([0, 999, 1000, 999_949, 999_950, 1_500_000_000].map(formatBytes)).toEqual([
    '0 B',
    '999 B',
    '1.0 kB',
    '1.0 MB',
    '1.0 MB',
    '1.5 GB',
  ]);
  expect([5, 999.4, 1000, 59_940, 59_960, 3_599_600, 3_723_000].map(formatDuration)).toEqual([
    '5 ms',
    '999 ms',
    '1.0 s',
    '59.9 s',
    '1:00',
    '1:00:00',
    '1:02:03',
  ]);
  expect(formatCount(1_234_567)).toBe('1,234,567');
});

test('widths count columns of the terminal', () => {
  expect(displayWidth('日本')).toBe(4);
  expect(displayWidth('\u001b[1mbold\u001b[22m')).toBe(4);
  expect(displayWidth('e\u0301')).toBe(1);
  expect(fit('日本語テーブル', 7)).toBe('日本語…');
});

test('a control character in a name cannot move the cursor', () => {
  expect(printable('a\u001b[2Jb\nc')).toBe('a·[2Jb·c');
});

test('columns are as wide as their widest cell', () => {
  const table = renderTable(
    [{ title: 'name' }, { title: 'rows', align: 'right' }],
    [
      ['日本', '12'],
      ['a', '1,234'],
    ],
    { isColored: false },
  );
  expect(table).toBe('name   rows\n────  ─────\n日本     12\na     1,234\n');
});

test('the live area goes back over what it drew, and gives the cursor back', () => {
  let written = '';
  const area = createLiveArea({ write: (text) => (written += text), columns: 10, rows: 3 });
  area.draw(['one', 'a line that is too long', 'does not fit']);
  expect(written).toBe('\u001b[?25lone\na line t…\n'.replace('a line t…', 'a line t…'));
  written = '';
  area.draw(['two']);
  expect(written).toBe('\u001b[2A\r\u001b[0Jtwo\n');
  written = '';
  area.end();
  expect(written).toBe('\u001b[?25h');
});
