import {
  chmod,
  copyFile,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
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

test('lists what is there with its time, also what a crash left half written', async () => {
  const store = openFileSecretStore(folder);
  const all = async () => {
    const found = [];
    for await (const secret of store.list()) found.push(secret);
    return found.sort((a, b) => (a.id < b.id ? -1 : 1));
  };
  expect(await all()).toEqual([]);
  await store.put('a', bundle);
  await store.put('b-1', bundle);
  const long = new Date('2020-01-01T00:00:00Z');
  await utimes(path.join(folder, 'a.secret'), long, long);
  const torn = path.join(folder, 'c.secret.0f1e.tmp');
  await writeFile(torn, 'x', { mode: 0o600 });
  await utimes(torn, long, long);
  const found = await all();
  expect(found.map(({ id }) => id)).toEqual(['a', 'b-1', 'c']);
  expect(found[0]?.changedOn).toEqual(long);
  expect(Date.now() - (found[1]?.changedOn.getTime() ?? 0)).toBeLessThan(60_000);
  for (const { id } of found) await store.delete(id);
  expect(await readdir(folder)).toEqual(['key']);
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
