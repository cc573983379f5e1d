import { expect, test, vi } from 'vitest';
import { openSecretStore } from '../../shared/secrets/secretStore.ts';
import { readSettings } from '../../shared/config/settings.ts';

interface Kept {
  name: string;
  value: string;
  tags?: Record<string, string>;
  updatedOn?: Date;
}

const vault = vi.hoisted(() => new Map<string, Kept>());

vi.mock('@azure/identity', () => ({ DefaultAzureCredential: class {} }));
vi.mock('@azure/keyvault-secrets', () => ({
  SecretClient: class {
    setSecret(name: string, value: string, { tags }: { tags: Record<string, string> }) {
      vault.set(name, { name, value, tags, updatedOn: new Date() });
      return Promise.resolve();
    }
    getSecret(name: string) {
      const kept = vault.get(name);
      return kept === undefined ? Promise.reject(missing()) : Promise.resolve(kept);
    }
    beginDeleteSecret(name: string) {
      return vault.delete(name) ? Promise.resolve() : Promise.reject(missing());
    }
    async *listPropertiesOfSecrets() {
      for (const { value: _value, ...properties } of vault.values()) {
        yield await Promise.resolve(properties);
      }
    }
  },
}));

function missing(): Error {
  return Object.assign(new Error('not found'), { statusCode: 404 });
}

function openFor(account: string, prefix: string) {
  return openSecretStore(
    readSettings({
      AzureWebJobsStorage__accountName: account,
      PGMOVE_SECRETS: 'https://vault.example/',
      PGMOVE_TABLE_PREFIX: prefix,
    }),
  );
}

test('a vault is shared by installations, and by others: each lists its own secrets', async () => {
  const [mine, other] = [openFor('account1', 'One'), openFor('account1', 'Two')];
  await mine.put('a', { sourcePassword: 'x' });
  await other.put('b', { sourcePassword: 'y' });
  vault.set('pgmove-by-hand', { name: 'pgmove-by-hand', value: '', updatedOn: new Date(0) });
  const listed = [];
  for await (const secret of mine.list()) listed.push(secret);
  expect(listed).toEqual([{ id: 'a', changedOn: expect.any(Date) as Date }]);
  expect(await mine.get('a')).toEqual({ sourcePassword: 'x' });
  await mine.delete('a');
  await mine.delete('a');
  expect(await mine.get('a')).toBeUndefined();
  expect([...vault.keys()]).toEqual(['pgmove-b', 'pgmove-by-hand']);
});
