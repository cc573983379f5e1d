import type { Settings } from '../config/settings.ts';

/** What a migration needs and nobody may see. Stored as one secret under a random id. */
export interface SecretBundle {
  sourcePassword?: string;
  targetPassword?: string;
  /** PEM text of a client certificate's key. */
  sourceTlsKey?: string;
  targetTlsKey?: string;
}

export interface SecretStore {
  put(id: string, bundle: SecretBundle): Promise<void>;
  get(id: string): Promise<SecretBundle | undefined>;
  /** Succeeds when there is nothing to delete. */
  delete(id: string): Promise<void>;
  /** All secrets of this installation, without what they hold. */
  list(): AsyncIterable<StoredSecret>;
}

export interface StoredSecret {
  id: string;
  changedOn: Date;
}

/** The store that the settings name. Its code and its packages are loaded on first use. */
export function openSecretStore(settings: Settings): SecretStore {
  const { secrets } = settings;
  let opened: Promise<SecretStore> | undefined;
  const open = () =>
    (opened ??=
      secrets.kind === 'file'
        ? import('./fileSecretStore.ts').then((m) => m.openFileSecretStore(secrets.folder))
        : import('./keyVaultSecretStore.ts').then((m) =>
            m.openKeyVaultSecretStore(secrets.url, installationOf(settings)),
          ));
  return {
    put: async (id, bundle) => (await open()).put(id, bundle),
    get: async (id) => (await open()).get(id),
    delete: async (id) => (await open()).delete(id),
    list: async function* () {
      yield* (await open()).list();
    },
  };
}

/** Several installations may share a vault: what marks the secrets of the one with this state. */
function installationOf({ storage, tablePrefix }: Settings): string {
  const account =
    storage.kind === 'identity'
      ? storage.accountName
      : (/AccountName=([^;]+)/i.exec(storage.connectionString)?.[1] ?? 'development');
  return `${account}/${tablePrefix}`;
}
