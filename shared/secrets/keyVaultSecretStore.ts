import type { SecretBundle, SecretStore } from './secretStore.ts';

const PREFIX = 'pgmove-';

/** One Key Vault secret for each migration, reached with the managed identity. */
export async function openKeyVaultSecretStore(
  url: string,
  installation: string,
): Promise<SecretStore> {
  const [{ SecretClient }, { DefaultAzureCredential }] = await Promise.all([
    import('@azure/keyvault-secrets'),
    import('@azure/identity'),
  ]);
  const client = new SecretClient(url, new DefaultAzureCredential());
  const nameOf = (id: string) => `${PREFIX}${id}`;
  const tags = { application: 'pgmove', installation };
  const unlessMissing = (error: unknown) => {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined;
    throw error;
  };

  return {
    put: async (id, bundle) => {
      await client.setSecret(nameOf(id), JSON.stringify(bundle), {
        contentType: 'application/json',
        tags,
      });
    },
    get: async (id) => {
      const secret = await client.getSecret(nameOf(id)).catch(unlessMissing);
      return secret?.value === undefined ? undefined : (JSON.parse(secret.value) as SecretBundle);
    },
    // The vault keeps what is deleted for its retention time; purging it takes a right that the
    // identity does not need otherwise.
    delete: async (id) => {
      await client.beginDeleteSecret(nameOf(id)).catch(unlessMissing);
    },
    list: async function* () {
      for await (const {
        name,
        tags: found,
        updatedOn,
        createdOn,
      } of client.listPropertiesOfSecrets()) {
        const isOurs =
          found?.application === tags.application && found.installation === installation;
        const changedOn = updatedOn ?? createdOn;
        if (!isOurs || !name.startsWith(PREFIX) || changedOn === undefined) continue;
        yield { id: name.slice(PREFIX.length), changedOn };
      }
    },
  };
}
