import { chmod, copyFile, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openFileSecretStore } from '../../shared/secrets/fileSecretStore.ts';

let folder: string;

beforeEach(async () => {
  folder = path.join(await mkdtemp(path.join(tmpdir(), 'pgmove-secrets-')), 'deep', 'secrets');
});
afterEach(() => rm(path.dirname(path.dirname(folder)), { recursive: true }));

const bundle = { sourcePassword: 'pässword', targetTlsKey: '-----BEGIN' };

test('keeps, replaces and forgets', async () => {
  const store = openFileSecretStore(folder);
  expect(await store.get('a')).toBeUndefined();
  await store.put('a', { sourcePassword: 'first' });
  await store.put('a', bundle);
  expect(await openFileSecretStore(folder).get('a')).toEqual(bundle);
  await store.delete('a');
  await store.delete('a');
  expect(await store.get('a')).toBeUndefined();
});

test('nothing readable is on the disk, and only for the owner', async () => {
  await openFileSecretStore(folder).put('a', bundle);
  for (const name of await readdir(folder)) {
    const file = path.join(folder, name);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readFile(file)).includes('pässword')).toBe(false);
  }
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
});

test('one file cannot stand for another, and a changed one is refused', async () => {
  const store = openFileSecretStore(folder);
  await store.put('a', bundle);
  await copyFile(path.join(folder, 'a.secret'), path.join(folder, 'b.secret'));
  await expect(store.get('b')).rejects.toThrow(/cannot be decrypted/);
});

test('processes that start at once agree on one key', async () => {
  const stores = Array.from({ length: 8 }, () => openFileSecretStore(folder));
  await Promise.all(stores.map((store, i) => store.put(`s${i}`, bundle)));
  for (let i = 0; i < 8; i++) expect(await stores[0]?.get(`s${i}`)).toEqual(bundle);
});

test('a key that others may read is refused', async () => {
  await openFileSecretStore(folder).put('a', bundle);
  await chmod(path.join(folder, 'key'), 0o644);
  await expect(openFileSecretStore(folder).get('a')).rejects.toThrow(/chmod 600/);
});

test('an id is never a path', async () => {
  const store = openFileSecretStore(folder);
  await expect((async () => store.get('../a'))()).rejects.toMatchObject({ kind: 'internal' });
});
