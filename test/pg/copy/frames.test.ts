import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameWalker } from '../../../shared/pg/copy/frames.ts';

function frame(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const frames = fc.array(
  fc.record({
    type: fc.constantFrom('d', 'd', 'd', 'c', 'C', 'H', 'N', 'E'),
    body: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  }),
  { maxLength: 30 },
);

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (let index = 0; at < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

test('frames of COPY data are told from others wherever the chunks are cut', () => {
  fc.assert(
    fc.property(
      frames,
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 10 }),
      (list, sizes) => {
        const copied: Buffer[] = [];
        const others: Buffer[] = [];
        const doneAt: number[] = [];
        let readyCount = 0;
        const walker = new FrameWalker({
          onCopy: (run) => copied.push(Buffer.from(run)),
          onOther: (run) => others.push(Buffer.from(run)),
          onCopyDone: (bytes) => doneAt.push(bytes),
          onReady: () => readyCount++,
        });
        const all = [...list, { type: 'Z', body: Buffer.from('I') }];
        const bytes = Buffer.concat(all.map(({ type, body }) => frame(type, body)));
        for (const chunk of cut(bytes, sizes)) walker.walk(chunk);
        const isCopy = ({ type }: { type: string }) => type === 'd' || type === 'c';
        const join = (some: typeof all) =>
          Buffer.concat(some.map(({ type, body }) => frame(type, body)));
        expect(Buffer.concat(copied)).toEqual(join(all.filter(isCopy)));
        expect(Buffer.concat(others)).toEqual(join(all.filter((each) => !isCopy(each))));
        let content = 0;
        const expected: number[] = [];
        for (const { type, body } of all) {
          if (type === 'd') content += body.length;
          if (type === 'c') expected.push(content);
        }
        expect(doneAt).toEqual(expected);
        expect(readyCount).toBe(1);
        expect(walker.isInsideCopyFrame).toBe(false);
      },
    ),
  );
});

test('a frame that has begun and not ended is noticed', () => {
  const walker = new FrameWalker({
    onCopy: () => undefined,
    onOther: () => undefined,
    onCopyDone: () => undefined,
    onReady: () => undefined,
  });
  const whole = frame('d', Buffer.from('abcdef'));
  for (const [from, to, isInside] of [
    [0, 1, true],
    [1, 4, true],
    [4, 7, true],
    [7, whole.length, false],
  ] as const) {
    walker.walk(whole.subarray(from, to));
    expect(walker.isInsideCopyFrame).toBe(isInside);
  }
});
