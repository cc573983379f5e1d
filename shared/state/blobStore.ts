import { MigrationError } from '../errors/migrationError.ts';
import type { Clients } from './clients.ts';
import { isMissing } from './statusCodes.ts';
import type { BlobStore } from './storeInterfaces.ts';

export function openBlobStore(clients: Clients): BlobStore {
  const blob = async (path: string) => (await clients.container()).getBlockBlobClient(path);
  return {
    putJson: async (path, value) => {
      const bytes = Buffer.from(JSON.stringify(value), 'utf8');
      await (await blob(path)).uploadData(bytes);
    },

    getJson: async <T>(path: string) => {
      try {
        return JSON.parse((await (await blob(path)).downloadToBuffer()).toString('utf8')) as T;
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },

    uploadFile: async (path, localFile) => {
      await (await blob(path)).uploadFile(localFile);
    },

    downloadFile: async (path, localFile) => {
      try {
        await (await blob(path)).downloadToFile(localFile);
      } catch (error) {
        if (!isMissing(error)) throw error;
        throw new MigrationError('invalidInput', `There is no blob '${path}'.`, { cause: error });
      }
    },

    deletePrefix: async (prefix) => {
      const container = await clients.container();
      for await (const item of container.listBlobsFlat({ prefix })) {
        await container.getBlobClient(item.name).deleteIfExists();
      }
    },
  };
}
