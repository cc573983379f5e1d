import { readSettings } from '../config/settings.ts';
import type { Settings } from '../config/settings.ts';
import { openSecretStore } from '../secrets/secretStore.ts';
import type { SecretStore } from '../secrets/secretStore.ts';
import { ensureStores, openStores } from './stores.ts';
import type { Stores } from './stores.ts';

/** What functions and activities work with. */
export interface Runtime {
  settings: Settings;
  stores: Stores;
  secrets: SecretStore;
}

let opened: Promise<Runtime> | undefined;

/** The process's settings and stores, opened and created on first use; a failure is tried again. */
export function runtime(): Promise<Runtime> {
  opened ??= open().catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

async function open(): Promise<Runtime> {
  const settings = readSettings();
  const stores = openStores(settings);
  await ensureStores(stores);
  return { settings, stores, secrets: openSecretStore(settings) };
}
