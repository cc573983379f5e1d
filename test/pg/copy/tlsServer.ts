import { chown, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';

/** Made for these tests, self-signed, in use nowhere else. */
const CERTIFICATE = `
-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUPuJRiToXqEZ8bi+MkEmCMSYo0Z4wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTA5MTYxN1oYDzIxMjYxMDI4
MDkxNjE3WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATO6stkIkIqu4f7S8ntFolrIB3A0NkEN9nsUorxuUPmhJfurjBMYV91
4drgxj+PMJQUaUKSM1PP6o4WLn874DHro1MwUTAdBgNVHQ4EFgQUq42wRNU27JtJ
VBbIhWpJeLl/I38wHwYDVR0jBBgwFoAUq42wRNU27JtJVBbIhWpJeLl/I38wDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiBUJxxn1ZpBy3gVOFpIV7uz
0YH4o9gwPqmAOENuInX1RAIhAL7gcfcBL1AzvOYB2Xf7tRkN/eOGL7R33N+VkN6L
bnt5
-----END CERTIFICATE-----
`;
const KEY = `
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWeylKZ8uf9lV4iMM
B1xTPWd0yP09BqcwsYwsMpjSa02hRANCAATO6stkIkIqu4f7S8ntFolrIB3A0NkE
N9nsUorxuUPmhJfurjBMYV914drgxj+PMJQUaUKSM1PP6o4WLn874DHr
-----END PRIVATE KEY-----
`;

/** Makes a running cluster speak TLS. */
export async function turnOnTls(cluster: ThrowawayCluster): Promise<void> {
  const { uid, gid } = await stat(cluster.dataFolder);
  for (const [name, text] of [
    ['server.crt', CERTIFICATE],
    ['server.key', KEY],
  ] as const) {
    const file = path.join(cluster.dataFolder, name);
    await writeFile(file, text.trimStart(), { mode: 0o600 });
    await chown(file, uid, gid);
  }
  const client = await cluster.connect();
  await client.query('alter system set ssl = on');
  await client.query('select pg_reload_conf()');
  let isOn = false;
  while (!isOn) {
    isOn = (await client.query<{ ssl: string }>('show ssl')).rows[0]?.ssl === 'on';
  }
  await client.end();
}
