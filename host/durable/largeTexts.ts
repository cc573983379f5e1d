import { createHash } from 'node:crypto';
import { isNotFound, withPatience } from '../storage.ts';
import type { PatienceOptions, Storage } from '../storage.ts';
import type { ContainerClient } from '@azure/storage-blob';

/** A string property holds 32 Ki UTF-16 units; above this a text goes to a blob. */
const LONGEST_INLINE = 30_000;

/**
 * Long texts live in blobs, named by their content, so that writing one again changes nothing.
 * A row has either the property `name` or `nameBlob`, the blob's name.
 */
export class LargeTexts {
  readonly #storage: Storage;
  readonly #containerName: string;
  readonly #patience: PatienceOptions;
  #container: Promise<ContainerClient> | undefined;

  constructor(storage: Storage, containerName: string, patience: PatienceOptions) {
    this.#storage = storage;
    this.#containerName = containerName;
    this.#patience = patience;
  }

  /** Opens the container early: the first long text need not wait for it. */
  async prepare(): Promise<void> {
    await this.#open();
  }

  async store(folder: string, name: string, text: string | null): Promise<Record<string, string>> {
    if (text === null) return {};
    if (text.length <= LONGEST_INLINE) return { [name]: text };
    const content = Buffer.from(text, 'utf8');
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 40);
    const blobName = `${folder}/${name}-${hash}`;
    const container = await this.#open();
    await withPatience(
      () => container.getBlockBlobClient(blobName).uploadData(content),
      this.#patience,
    );
    return { [`${name}Blob`]: blobName };
  }

  async load(row: Record<string, unknown>, name: string): Promise<string | null> {
    const inline = row[name];
    if (typeof inline === 'string') return inline;
    const blobName = row[`${name}Blob`];
    if (typeof blobName !== 'string') return null;
    const container = await this.#open();
    const content = await withPatience(
      () => container.getBlockBlobClient(blobName).downloadToBuffer(),
      this.#patience,
    );
    return content.toString('utf8');
  }

  async remove(folder: string): Promise<void> {
    const container = await this.#open();
    await withPatience(async () => {
      for await (const blob of container.listBlobsFlat({ prefix: `${folder}/` })) {
        try {
          await container.deleteBlob(blob.name);
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
      }
    }, this.#patience);
  }

  #open(): Promise<ContainerClient> {
    this.#container ??= (async () => {
      const container = await this.#storage.container(this.#containerName);
      await withPatience(() => container.createIfNotExists(), this.#patience);
      return container;
    })();
    return this.#container;
  }
}
