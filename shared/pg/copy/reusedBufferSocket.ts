import { Socket } from 'node:net';

/** What one read takes at most: about what a millisecond or two bring. */
export const READ_BYTES = 256 * 1024;

/**
 * A socket that reads into one buffer over and over. Node otherwise gives each read 64 KiB of its
 * own, and in a process with a heap of some size their collection costs more than the copy itself.
 * Not for TLS, which reads in its own way.
 */
export class ReusedBufferSocket extends Socket {
  #onChunk: ((chunk: Buffer) => void) | undefined;

  constructor() {
    super({
      onread: {
        buffer: Buffer.allocUnsafeSlow(READ_BYTES),
        callback: (length: number, buffer: Uint8Array) => this.#take(buffer, length),
      },
    } as ConstructorParameters<typeof Socket>[0]);
  }

  /**
   * Hands chunks to `onChunk` instead of the listeners of 'data'. A chunk is valid until onChunk
   * returns; who needs it longer pauses the socket in that call.
   */
  takeOver(onChunk: (chunk: Buffer) => void): void {
    this.#onChunk = onChunk;
  }

  giveBack(): void {
    this.#onChunk = undefined;
  }

  #take(bytes: Uint8Array, length: number): boolean {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, length);
    if (this.#onChunk) this.#onChunk(chunk);
    // Others may keep what they get.
    else this.emit('data', Buffer.from(chunk));
    return true;
  }
}
