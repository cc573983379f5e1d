import { LOCAL_RESOURCE_GROUP, LOCAL_SUBSCRIPTION } from '../../api/migrationId.ts';
import type { MigrationKey, ServerScope } from '../../api/migrationId.ts';

export interface ServerDraft {
  host: string;
  port: string;
  user: string;
  /** In the memory of the page only, until the wizard is left. */
  password: string;
  tlsMode: string;
  /** PEM text of certificate authorities; empty: those of the service's system. */
  ca: string;
}

/** Everything that the wizard asks for. */
export interface WizardDraft {
  name: string;
  subscription: string;
  resourceGroup: string;
  server: string;
  sourceType: string;
  option: 'Validate' | 'Migrate' | 'ValidateAndMigrate';
  mode: 'Offline' | 'Online';
  source: ServerDraft;
  target: ServerDraft;
  databases: readonly string[];
  overwrite: boolean;
  migrateRoles: boolean;
  setUpReplication: boolean;
  fenceSource: boolean;
  replicaIdentityFull: boolean;
  verify: 'none' | 'counts' | 'hash';
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
  tlsMode: 'prefer',
  ca: '',
};

/** A first name that nobody has: `migration-20261121-1504`. */
export function newDraft(now: Date): WizardDraft {
  const digits = now.toISOString().replaceAll(/[-:T]/g, '');
  return {
    name: `migration-${digits.slice(0, 8)}-${digits.slice(8, 12)}`,
    subscription: LOCAL_SUBSCRIPTION,
    resourceGroup: LOCAL_RESOURCE_GROUP,
    server: 'target',
    sourceType: 'OnPremises',
    option: 'ValidateAndMigrate',
    mode: 'Offline',
    source: NEW_SERVER,
    target: NEW_SERVER,
    databases: [],
    overwrite: false,
    migrateRoles: false,
    setUpReplication: false,
    fenceSource: false,
    replicaIdentityFull: false,
    verify: 'none',
  };
}

export function scopeOf({ subscription, resourceGroup, server }: WizardDraft): ServerScope {
  return { subscription, resourceGroup, server };
}

export function keyOf(draft: WizardDraft): MigrationKey {
  return { ...scopeOf(draft), name: draft.name };
}

export function withoutSecrets(draft: WizardDraft): WizardDraft {
  const clear = (server: ServerDraft): ServerDraft => ({ ...server, password: '' });
  return { ...draft, source: clear(draft.source), target: clear(draft.target) };
}

/** What is wrong, by field; the texts say how to put it right. */
export type Problems<Field extends string> = Partial<Record<Field, string>>;

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const SERVER_NAME = /^(?=.{3,63}$)[A-Za-z0-9]+(-[A-Za-z0-9]+)*$/;
const RESOURCE_GROUP = /^[\p{L}\p{N}_().-]{1,89}[\p{L}\p{N}_()-]$|^[\p{L}\p{N}_()-]$/u;

export type SetupField = 'name' | 'server' | 'subscription' | 'resourceGroup';

export function setupProblems(draft: WizardDraft): Problems<SetupField> {
  return {
    ...problem('name', nameProblem(draft.name)),
    ...problem(
      'server',
      SERVER_NAME.test(draft.server)
        ? undefined
        : 'Use 3 to 63 letters, digits, and single hyphens between them.',
    ),
    ...problem(
      'subscription',
      GUID.test(draft.subscription) ? undefined : 'A subscription id is a GUID.',
    ),
    ...problem(
      'resourceGroup',
      RESOURCE_GROUP.test(draft.resourceGroup)
        ? undefined
        : 'Use letters, digits, and _ ( ) . - with no period at the end.',
    ),
  };
}

/** One rule at a time, the first that is broken: what to do next, as one types. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'Give the migration a name.';
  if (!/^[A-Za-z0-9-]*$/.test(name)) return 'Use letters, digits and hyphens only.';
  if (name.startsWith('-')) return 'Do not begin with a hyphen.';
  return name.length > 63 ? 'Use at most 63 characters.' : undefined;
}

export type ServerField = 'host' | 'port' | 'user';

/** @param isHostNeeded A target of Azure is found by its name. */
export function serverProblems(server: ServerDraft, isHostNeeded: boolean): Problems<ServerField> {
  const port = /^\d{1,5}$/.test(server.port) ? Number(server.port) : 0;
  const host = server.host.trim();
  return {
    ...problem(
      'host',
      host === ''
        ? isHostNeeded
          ? 'Say where the server is.'
          : undefined
        : /^[A-Za-z0-9._:-]{1,255}$/.test(host)
          ? undefined
          : 'Write a host name or an IP address, without port and user.',
    ),
    ...problem('port', port >= 1 && port <= 65_535 ? undefined : 'A port is 1 to 65535.'),
    ...problem('user', server.user === '' ? 'Say who logs in.' : undefined),
  };
}

function problem<Field extends string>(field: Field, text: string | undefined): Problems<Field> {
  return text === undefined ? {} : ({ [field]: text } as Problems<Field>);
}

export function hasProblems(problems: Problems<string>): boolean {
  return Object.keys(problems).length > 0;
}
