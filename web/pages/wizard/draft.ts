import { LOCAL_RESOURCE_GROUP, LOCAL_SUBSCRIPTION } from '../../api/migrationId.ts';
import type { MigrationKey, ServerScope } from '../../api/migrationId.ts';

export interface ServerDraft {
  host: string;
  port: string;
  user: string;
  /** In the memory of the page only, until the wizard is left. */
  password: string;
  /** Entra: a token of the service's identity in place of a password. */
  auth: 'Password' | 'Entra';
  tlsMode: string;
  /** PEM text of certificate authorities; empty: those of the service's system. */
  ca: string;
  /** PEM text of the client's certificate; empty: it logs in without one. */
  cert: string;
  /** PEM text of that certificate's key: kept as the password is. */
  key: string;
  /** As libpq's `options`. */
  options: string;
}

export type Side = 'source' | 'target';

/** Everything that the wizard asks for. */
export interface WizardDraft {
  name: string;
  subscription: string;
  resourceGroup: string;
  server: string;
  /** The id of a worker group; empty: the service itself carries the migration. */
  workerGroup: string;
  sourceType: string;
  option: 'Validate' | 'Migrate' | 'ValidateAndMigrate';
  mode: 'Offline' | 'Online';
  source: ServerDraft;
  target: ServerDraft;
  databases: readonly string[];
  /** By the name on the source, as typed in; kept for a database that is not chosen at the moment. */
  targetNames: ReadonlyMap<string, string>;
  /** Patterns, one on each line. */
  includeTables: string;
  excludeTables: string;
  /** Empty: as the service decides. */
  jobs: string;
  overwrite: boolean;
  migrateRoles: boolean;
  setUpReplication: boolean;
  fenceSource: boolean;
  replicaIdentityFull: boolean;
  verify: 'none' | 'counts' | 'hash';
  dryRun: boolean;
  /** Of the target's disk, in megabytes; empty: nobody knows, or Azure does. */
  targetStorageMb: string;
}

export const STEPS = ['setup', 'source', 'target', 'databases', 'summary'] as const;
export type StepId = (typeof STEPS)[number];

export const STEP_TITLES: Readonly<Record<StepId, string>> = {
  setup: 'Setup',
  source: 'Source server',
  target: 'Target server',
  databases: 'Databases',
  summary: 'Summary',
};

const NEW_SERVER: ServerDraft = {
  host: '',
  port: '5432',
  user: '',
  password: '',
  auth: 'Password',
  tlsMode: 'prefer',
  ca: '',
  cert: '',
  key: '',
  options: '',
};

/** A first name that nobody has: `migration-20261121-1504`. */
export function newDraft(now: Date): WizardDraft {
  const digits = now.toISOString().replaceAll(/[-:T]/g, '');
  return {
    name: `migration-${digits.slice(0, 8)}-${digits.slice(8, 12)}`,
    subscription: LOCAL_SUBSCRIPTION,
    resourceGroup: LOCAL_RESOURCE_GROUP,
    server: 'target',
    workerGroup: '',
    sourceType: 'OnPremises',
    option: 'ValidateAndMigrate',
    mode: 'Offline',
    source: NEW_SERVER,
    target: NEW_SERVER,
    databases: [],
    targetNames: new Map(),
    includeTables: '',
    excludeTables: '',
    jobs: '',
    overwrite: false,
    migrateRoles: false,
    setUpReplication: false,
    fenceSource: false,
    replicaIdentityFull: false,
    verify: 'none',
    dryRun: false,
    targetStorageMb: '',
  };
}

export function scopeOf({ subscription, resourceGroup, server }: WizardDraft): ServerScope {
  return { subscription, resourceGroup, server };
}

export function keyOf(draft: WizardDraft): MigrationKey {
  return { ...scopeOf(draft), name: draft.name };
}

export function withoutSecrets(draft: WizardDraft): WizardDraft {
  const clear = (server: ServerDraft): ServerDraft => ({ ...server, password: '', key: '' });
  return { ...draft, source: clear(draft.source), target: clear(draft.target) };
}
