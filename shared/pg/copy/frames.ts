/*
 * What a server sends while COPY … TO STDOUT runs, seen as frames: one byte of type, four bytes of
 * length (which counts itself), the body. A frame may begin and end anywhere in the chunks that a
 * socket gives.
 */

const COPY_DATA = 0x64;
const COPY_DONE = 0x63;
const READY_FOR_QUERY = 0x5a;

const HEADER_BYTES = 5;

export interface FrameHandlers {
  /** A run of whole or broken CopyData and CopyDone frames, exactly as they came. */
  onCopy(run: Buffer): void;
  /** A run of anything else: notices, errors, CommandComplete. */
  onOther(run: Buffer): void;
  /** A CopyDone has been passed to onCopy; `bytes` is the content of all CopyData so far. */
  onCopyDone(bytes: number): void;
  /** A ReadyForQuery has been passed to onOther. */
  onReady(): void;
}

/** Tells the frames of COPY data from the others without copying or keeping any of them. */
export class FrameWalker {
  readonly #handlers: FrameHandlers;
  #type = 0;
  /** Bytes of the present frame's header that were seen; 0 between frames and in a body. */
  #headerSeen = 0;
  #length = 0;
  /** Bytes of the present frame's body that are still to come. */
  #bodyLeft = 0;
  #copyBytes = 0;

  constructor(handlers: FrameHandlers) {
    this.#handlers = handlers;
  }

  /** Whether a COPY frame has begun and not ended: no other frame may be written behind it. */
  get isInsideCopyFrame(): boolean {
    return (this.#headerSeen > 0 || this.#bodyLeft > 0) && isCopyType(this.#type);
  }

  /** Content of all CopyData frames that were seen, without their headers. */
  get copyBytes(): number {
    return this.#copyBytes;
  }

  walk(chunk: Buffer): void {
    const end = chunk.length;
    let at = 0;
    let runStart = 0;
    while (at < end) {
      if (this.#bodyLeft > 0) {
        const step = Math.min(this.#bodyLeft, end - at);
        at += step;
        this.#bodyLeft -= step;
        if (this.#bodyLeft === 0) runStart = this.#endFrame(chunk, runStart, at);
      } else if (this.#headerSeen === 0) {
        const type = chunk[at]!;
        if (isCopyType(type) !== isCopyType(this.#type)) {
          this.#flush(chunk, runStart, at);
          runStart = at;
        }
        this.#type = type;
        at = type === COPY_DATA ? this.#skipDataFrames(chunk, at) : this.#beginHeader(at);
      } else {
        this.#length = this.#length * 256 + chunk[at]!;
        at++;
        if (++this.#headerSeen === HEADER_BYTES) runStart = this.#beginBody(chunk, runStart, at);
      }
    }
    this.#flush(chunk, runStart, end);
  }

  /** The loop that runs once per row. Ends at another type's frame, or where the chunk ends. */
  #skipDataFrames(chunk: Buffer, start: number): number {
    const end = chunk.length;
    const last = end - HEADER_BYTES;
    let at = start;
    while (at <= last && chunk[at] === COPY_DATA) {
      const length =
        ((chunk[at + 1]! << 24) |
          (chunk[at + 2]! << 16) |
          (chunk[at + 3]! << 8) |
          chunk[at + 4]!) >>>
        0;
      at += 1 + length;
      this.#copyBytes += length - 4;
    }
    if (at > end) {
      this.#bodyLeft = at - end;
      return end;
    }
    return at < end && chunk[at] === COPY_DATA ? this.#beginHeader(at) : at;
  }

  #beginHeader(at: number): number {
    this.#headerSeen = 1;
    this.#length = 0;
    return at + 1;
  }

  #beginBody(chunk: Buffer, runStart: number, at: number): number {
    this.#headerSeen = 0;
    this.#bodyLeft = this.#length - 4;
    if (this.#type === COPY_DATA) this.#copyBytes += this.#bodyLeft;
    return this.#bodyLeft === 0 ? this.#endFrame(chunk, runStart, at) : runStart;
  }

  /** Returns where the next run begins. */
  #endFrame(chunk: Buffer, runStart: number, at: number): number {
    if (this.#type === COPY_DATA) return runStart;
    this.#flush(chunk, runStart, at);
    if (this.#type === COPY_DONE) this.#handlers.onCopyDone(this.#copyBytes);
    if (this.#type === READY_FOR_QUERY) this.#handlers.onReady();
    return at;
  }

  #flush(chunk: Buffer, from: number, to: number): void {
    if (from === to) return;
    const run = chunk.subarray(from, to);
    if (isCopyType(this.#type)) this.#handlers.onCopy(run);
    else this.#handlers.onOther(run);
  }
}

function isCopyType(type: number): boolean {
  return type === COPY_DATA || type === COPY_DONE;
}
