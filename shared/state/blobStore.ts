import { Readable } from 'node:stream';
import { decodeLines, encodeLines } from './blobLines.ts';
import type { Clients } from './clients.ts';
import { isMissing } from './statusCodes.ts';
import type { BlobStore } from './storeInterfaces.ts';

export function openBlobStore(clients: Clients): BlobStore {
  const blob = async (path: string) => (await clients.container()).getBlockBlobClient(path);
  /** One GET; the SDK's downloadToBuffer asks for the length first. */
  const download = async (path: string): Promise<AsyncIterable<unknown> | undefined> => {
    try {
      const { readableStreamBody } = await (await blob(path)).download();
      return readableStreamBody as AsyncIterable<unknown> | undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  };
  return {
    putJson: async (path, value) => {
      const bytes = Buffer.from(JSON.stringify(value), 'utf8');
      await (await blob(path)).uploadData(bytes);
    },

    getJson: async <T>(path: string) => {
      const chunks = await download(path);
      if (chunks === undefined) return undefined;
      const bytes: Buffer[] = [];
      for await (const chunk of chunks) bytes.push(chunk as Buffer);
      return JSON.parse(Buffer.concat(bytes).toString('utf8')) as T;
    },

    putLines: async (path, values) => {
      const client = await blob(path);
      const pieces = encodeLines(values());
      const first = pieces.next();
      const second = pieces.next();
      if (second.done === true) {
        await client.uploadData(first.value ?? Buffer.alloc(0));
        return;
      }
      // One request needs its length first: encoding twice is cheaper than holding all of it.
      let length = (first.value?.length ?? 0) + second.value.length;
      for (const piece of pieces) length += piece.length;
      await client.upload(() => Readable.from(encodeLines(values())), length);
    },

    getLines: async <T>(path: string) => {
      const chunks = await download(path);
      return chunks === undefined ? undefined : decodeLines<T>(chunks);
    },

    deletePrefix: async (prefix) => {
      const container = await clients.container();
      for await (const item of container.listBlobsFlat({ prefix })) {
        await container.getBlobClient(item.name).deleteIfExists();
      }
    },
  };
}
