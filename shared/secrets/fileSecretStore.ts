import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import { chmod, link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { codeOf, MigrationError } from '../errors/migrationError.ts';
import type { SecretBundle, SecretStore, StoredSecret } from './secretStore.ts';

const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Secrets as files of one folder (mode 0700) that no other installation uses, each encrypted with AES-256-GCM under a key in a file
 * beside them (mode 0600). It keeps them out of backups of the state and from other users of the
 * machine; who may read the key file can read the secrets.
 */
export function openFileSecretStore(folder: string): SecretStore {
  let key: Promise<Buffer> | undefined;
  const loadKey = () =>
    (key ??= readOrCreateKey(folder).catch((error: unknown) => {
      key = undefined;
      throw error;
    }));
  const fileOf = (id: string) => {
    if (!/^[A-Za-z0-9-]{1,100}$/.test(id)) {
      throw new MigrationError('internal', 'A secret was asked for by an id that is none.');
    }
    return path.join(folder, `${id}.secret`);
  };

  return {
    put: async (id, bundle) => {
      const file = fileOf(id);
      await writeAtomically(file, encrypt(await loadKey(), id, JSON.stringify(bundle)));
    },
    get: async (id) => {
      const data = await readOptional(fileOf(id));
      if (data === undefined) return undefined;
      return JSON.parse(decrypt(await loadKey(), id, data)) as SecretBundle;
    },
    delete: async (id) => {
      const secret = path.basename(fileOf(id));
      // With what a crash in the middle of a put has left.
      const files = (await namesIn(folder)).filter((name) => name.startsWith(secret));
      for (const name of files) await rm(path.join(folder, name), { force: true });
    },
    list: async function* () {
      const changed = new Map<string, StoredSecret>();
      for (const name of await namesIn(folder)) {
        const id = SECRET_FILE.exec(name)?.[1];
        const found = id && (await stat(path.join(folder, name)).catch(unlessAbsent));
        if (!id || !found) continue;
        const known = changed.get(id);
        if (known && known.changedOn >= found.mtime) continue;
        changed.set(id, { id, changedOn: found.mtime });
      }
      yield* changed.values();
    },
  };
}

/** A secret, or one that was being written. */
const SECRET_FILE = /^([A-Za-z0-9-]+)\.secret(?:\.[0-9a-f-]+\.tmp)?$/;

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(unlessAbsent)) ?? [];
}

function unlessAbsent(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error;
}

/** The id is authenticated with the text, so that one file cannot stand for another. */
function encrypt(key: Buffer, id: string, text: string): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(id));
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), body]);
}

function decrypt(key: Buffer, id: string, data: Buffer): string {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, data.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    })
      .setAAD(Buffer.from(id))
      .setAuthTag(data.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    const body = data.subarray(IV_BYTES + TAG_BYTES);
    return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
  } catch (error) {
    throw new MigrationError(
      'internal',
      `The secret ${id} cannot be decrypted: its file or the key file was changed. Give the passwords again (PATCH secretParameters).`,
      { cause: error },
    );
  }
}

async function readOrCreateKey(folder: string): Promise<Buffer> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = path.join(folder, 'key');
  const known = await readOptional(file);
  if (known === undefined) {
    // Several processes may start at once: a link makes the file whole or not at all, once.
    const candidate = path.join(folder, `key-${randomUUID()}.tmp`);
    await writeFile0600(candidate, randomBytes(KEY_BYTES));
    await link(candidate, file).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
    await rm(candidate);
    return readFile(file);
  }
  if (known.length !== KEY_BYTES) {
    throw new MigrationError('internal', `The key file ${file} does not hold ${KEY_BYTES} bytes.`);
  }
  await refuseOpenKey(file);
  return known;
}

async function refuseOpenKey(file: string): Promise<void> {
  if (process.platform === 'win32') return;
  const { mode } = await stat(file);
  if ((mode & 0o077) === 0) return;
  throw new MigrationError(
    'permissionDenied',
    `The key file ${file} can be read by others: run chmod 600 on it.`,
  );
}

async function readOptional(file: string): Promise<Buffer | undefined> {
  return readFile(file).catch(unlessAbsent);
}

async function writeAtomically(file: string, data: Buffer): Promise<void> {
  const candidate = `${file}.${randomUUID()}.tmp`;
  await writeFile0600(candidate, data);
  await rename(candidate, file);
}

async function writeFile0600(file: string, data: Buffer): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(data);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await chmod(file, 0o600);
}
