/** A piece of a blob; also the most that an encoder holds besides one line. */
const PIECE_BYTES = 1024 * 1024;

const NEWLINE = 0x0a;

/** Lines of JSON in pieces of about a mebibyte: no text of the whole ever exists. */
export function* encodeLines(values: Iterable<unknown>): Generator<Buffer> {
  let lines: string[] = [];
  let length = 0;
  for (const value of values) {
    const line = `${JSON.stringify(value)}\n`;
    lines.push(line);
    length += line.length;
    if (length < PIECE_BYTES) continue;
    yield Buffer.from(lines.join(''), 'utf8');
    [lines, length] = [[], 0];
  }
  if (lines.length > 0) yield Buffer.from(lines.join(''), 'utf8');
}

/** The values of encodeLines, from chunks that may end anywhere. */
export async function* decodeLines<T>(chunks: AsyncIterable<unknown>): AsyncGenerator<T> {
  let open: Buffer[] = [];
  for await (const chunk of chunks) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk as Uint8Array);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      const line = Buffer.concat([...open, bytes.subarray(start, end)]);
      open = [];
      start = end + 1;
      yield JSON.parse(line.toString('utf8')) as T;
    }
    if (start < bytes.length) open.push(bytes.subarray(start));
  }
  if (open.length > 0) yield JSON.parse(Buffer.concat(open).toString('utf8')) as T;
}
