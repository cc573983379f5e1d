import { execFile } from 'node:child_process';
import { chmod, chown, copyFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';

const run = promisify(execFile);

/** Certificates are made by openssl, which most machines have; Node cannot make any. */
export const hasOpenssl: boolean = await run('openssl', ['version']).then(
  () => true,
  () => false,
);

/** A throw-away certificate authority; its files go with `[Symbol.asyncDispose]`. */
export interface Authority extends AsyncDisposable {
  /** PEM. */
  readonly certificate: string;
  /** Makes the server take TLS, with a certificate for 127.0.0.1, and check clients' certificates. */
  secure(cluster: ThrowawayCluster): Promise<void>;
  /** A certificate for a server at 127.0.0.1; PEM. */
  serverCertificate(): Promise<{ cert: string; key: string }>;
  /** A certificate for a client whose user is `user`; PEM. */
  clientCertificate(user: string): Promise<{ cert: string; key: string }>;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export async function makeAuthority(): Promise<Authority> {
  const folder = await mkdtemp(path.join(tmpdir(), 'pgmove-ca-'));
  const file = (name: string) => path.join(folder, name);
  const caKey = file('ca.key');
  const caCert = file('ca.crt');
  const selfSigned = ['-x509', '-days', '2', '-subj', '/CN=Throw-away authority'];
  await run('openssl', ['req', ...selfSigned, ...KEY, '-keyout', caKey, '-out', caCert]);

  const issue = async (commonName: string, extensions: string) => {
    const [key, csr, cert] = [file(`${commonName}.key`), file('csr'), file(`${commonName}.crt`)];
    await run('openssl', [
      'req',
      ...KEY,
      '-subj',
      `/CN=${commonName}`,
      '-keyout',
      key,
      '-out',
      csr,
    ]);
    await writeFile(file('extensions'), extensions);
    const signing = ['-CA', caCert, '-CAkey', caKey, '-CAcreateserial', '-days', '2'];
    const names = ['-extfile', file('extensions'), '-out', cert];
    await run('openssl', ['x509', '-req', '-in', csr, ...signing, ...names]);
    return { key, cert };
  };

  return {
    certificate: await readFile(caCert, 'utf8'),
    secure: async (cluster) => {
      const { key, cert } = await issue('127.0.0.1', 'subjectAltName=IP:127.0.0.1');
      const { uid, gid } = await stat(cluster.dataFolder);
      for (const [from, name] of [
        [key, 'server.key'],
        [cert, 'server.crt'],
        [caCert, 'root.crt'],
      ] as const) {
        const to = path.join(cluster.dataFolder, name);
        await copyFile(from, to);
        await chmod(to, 0o600);
        await chown(to, uid, gid);
      }
      await cluster.run("alter system set ssl_ca_file = 'root.crt'");
      await cluster.run('alter system set ssl = on');
      await cluster.run('select pg_reload_conf()');
    },
    serverCertificate: async () => {
      const { key, cert } = await issue('127.0.0.1', 'subjectAltName=IP:127.0.0.1');
      return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
    },
    clientCertificate: async (user) => {
      const { key, cert } = await issue(user, 'extendedKeyUsage=clientAuth');
      return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
