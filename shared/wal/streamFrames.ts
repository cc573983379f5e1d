const COPY_DATA = 0x64;
const HEADER_BYTES = 5;

export interface StreamFrameHandlers {
  /** The content of a CopyData frame, valid until the call returns. */
  onData(bytes: Buffer, start: number, end: number): void;
  /** Any other frame with its header, as a copy. */
  onOther(frame: Buffer): void;
}

/**
 * Cuts what a walsender sends into frames. A frame that lies whole in a chunk is not copied; one
 * that spans chunks is collected in a buffer of its length.
 */
export class StreamFrames {
  readonly #handlers: StreamFrameHandlers;
  /** The first bytes of a frame whose length is not known yet. */
  readonly #header = Buffer.allocUnsafeSlow(HEADER_BYTES);
  #headerBytes = 0;
  #frame: Buffer | undefined;
  #frameBytes = 0;

  constructor(handlers: StreamFrameHandlers) {
    this.#handlers = handlers;
  }

  push(chunk: Buffer): void {
    const end = chunk.length;
    let at = 0;
    while (at < end) {
      if (this.#frame !== undefined || this.#headerBytes > 0) {
        at = this.#continue(chunk, at);
        continue;
      }
      if (end - at < HEADER_BYTES) {
        this.#headerBytes = chunk.copy(this.#header, 0, at);
        return;
      }
      const next = at + frameBytes(chunk, at);
      if (next > end) {
        this.#frame = Buffer.allocUnsafe(next - at);
        this.#frameBytes = chunk.copy(this.#frame, 0, at);
        return;
      }
      this.#hand(chunk, at, next);
      at = next;
    }
  }

  /** Goes on with a frame that an earlier chunk began; returns where it stopped. */
  #continue(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#frame === undefined) {
      while (this.#headerBytes < HEADER_BYTES) {
        if (at === chunk.length) return at;
        this.#header[this.#headerBytes++] = chunk[at++]!;
      }
      this.#headerBytes = 0;
      this.#frame = Buffer.allocUnsafe(frameBytes(this.#header, 0));
      this.#frameBytes = this.#header.copy(this.#frame);
    }
    const frame = this.#frame;
    const taken = chunk.copy(frame, this.#frameBytes, at);
    this.#frameBytes += taken;
    if (this.#frameBytes === frame.length) {
      this.#frame = undefined;
      this.#hand(frame, 0, frame.length);
    }
    return at + taken;
  }

  #hand(bytes: Buffer, start: number, end: number): void {
    if (bytes[start] === COPY_DATA) this.#handlers.onData(bytes, start + HEADER_BYTES, end);
    else this.#handlers.onOther(Buffer.from(bytes.subarray(start, end)));
  }
}

function frameBytes(bytes: Buffer, at: number): number {
  return 1 + bytes.readUInt32BE(at + 1);
}
