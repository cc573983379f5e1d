import { createPrivateKey } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { TlsMode } from '../contracts/tls.ts';
import { messageOf, MigrationError } from '../errors/migrationError.ts';
import type { TlsSettings } from './endpoint.ts';

const MODES: readonly TlsMode[] = [
  'disable',
  'allow',
  'prefer',
  'require',
  'verify-ca',
  'verify-full',
];

export interface TlsSource {
  /** One of libpq's six modes; default: prefer, with sslrootcert=system verify-full. */
  mode: string | undefined;
  rootCertFile: string | undefined;
  certFile: string | undefined;
  keyFile: string | undefined;
  keyPassword: string | undefined;
  /** Where libpq's standard files are: ~/.postgresql. */
  folder: string;
}

/** Reads what libpq's ssl parameters name into PEM texts. */
export async function readTlsSettings(source: TlsSource): Promise<TlsSettings> {
  const usesSystem = source.rootCertFile === 'system';
  const mode = MODES.find(
    (known) => known === (source.mode || (usesSystem ? 'verify-full' : 'prefer')),
  );
  if (mode === undefined) {
    throw new MigrationError('invalidInput', `sslmode has to be one of ${MODES.join(', ')}.`);
  }
  if (mode === 'disable') return { mode };
  if (usesSystem && mode !== 'verify-full') {
    throw new MigrationError('invalidInput', 'sslrootcert=system needs sslmode=verify-full.');
  }
  const settings: TlsSettings = { mode };
  const checksServer = mode === 'require' || mode.startsWith('verify');
  if (!usesSystem && checksServer) {
    const ca = await readNamedOrStandard('sslrootcert', source.rootCertFile, source, 'root.crt');
    if (ca !== undefined) settings.ca = ca;
  }
  const cert = await readNamedOrStandard('sslcert', source.certFile, source, 'postgresql.crt');
  if (cert === undefined) return settings;
  settings.cert = cert;
  settings.key = await readKey(source);
  return settings;
}

/** A file that is named has to be there; the standard one is used when it exists. */
async function readNamedOrStandard(
  parameter: string,
  named: string | undefined,
  source: TlsSource,
  standard: string,
): Promise<string | undefined> {
  if (named) return readNamed(parameter, named);
  return readFile(path.join(source.folder, standard), 'utf8').catch(() => undefined);
}

async function readNamed(parameter: string, file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new MigrationError(
      'invalidInput',
      `The file that ${parameter} names cannot be read: ${messageOf(error)}`,
      { cause: error },
    );
  });
}

async function readKey(source: TlsSource): Promise<string> {
  const file = source.keyFile || path.join(source.folder, 'postgresql.key');
  const text = await readNamed('sslkey', file);
  const { mode, uid } = await stat(file);
  // As libpq: a key of root may be readable by its group.
  const forbidden = uid === 0 ? 0o027 : 0o077;
  if (process.platform !== 'win32' && (mode & forbidden) !== 0) {
    throw new MigrationError(
      'invalidInput',
      `The private key ${file} may be read by others than its owner; give it the permissions 0600.`,
    );
  }
  if (source.keyPassword === undefined) return text;
  try {
    const key = createPrivateKey({ key: text, passphrase: source.keyPassword });
    return key.export({ type: 'pkcs8', format: 'pem' }).toString();
  } catch (error) {
    throw new MigrationError('invalidInput', `sslpassword does not open the private key ${file}.`, {
      cause: error,
    });
  }
}
