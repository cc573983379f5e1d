import { ApiFailure } from '../../api/failure.ts';
import type { FailureDetail } from '../../api/failure.ts';
import type { ServerDraft, Side, StepId, WizardDraft } from './draft.ts';
import {
  selectionProblems,
  serverProblems,
  setupProblems,
  storageProblem,
  targetNameProblems,
} from './problems.ts';
import type { Problems } from './problems.ts';

/** What the service had against the value of one field. It holds until somebody changes that. */
export interface Refusal {
  step: StepId;
  /** `jobs`, `source.host`, or `targetNames.` and a database. */
  field: string;
  label: string;
  message: string;
}

interface FieldOfDraft {
  step: StepId;
  field: string;
  label: string;
  /** The parts of the draft that the service has looked at. */
  reads: (draft: WizardDraft) => readonly unknown[];
}

/** The fields that a failure names; none for what has no field. */
export function refusalsOf(error: unknown, draft: WizardDraft): Refusal[] {
  if (!(error instanceof ApiFailure)) return [];
  const whole: FailureDetail = {
    message: error.message,
    ...(error.target === undefined ? {} : { target: error.target }),
  };
  const details = error.details.length > 0 ? error.details : [whole];
  return details.flatMap(({ target, message = error.message }) => {
    const found = target === undefined ? undefined : fieldOf(target, draft);
    if (found === undefined) return [];
    return [{ step: found.step, field: found.field, label: found.label, message }];
  });
}

export function refusalText(refusals: readonly Refusal[], field: string): string | undefined {
  return refusals.find((refusal) => refusal.field === field)?.message;
}

/** Those whose field has not been touched by a change. */
export function standingRefusals(
  refusals: readonly Refusal[],
  before: WizardDraft,
  after: WizardDraft,
): readonly Refusal[] {
  const fields = allFields(before);
  const standing = refusals.filter(({ field }) => {
    const reads = fields.find((item) => item.field === field)?.reads ?? (() => []);
    const now = reads(after);
    return reads(before).every((value, i) => Object.is(value, now[i]));
  });
  return standing.length === refusals.length ? refusals : standing;
}

/**
 * What the page itself has against the draft, of every step: one may have gone back, spoiled
 * something and come here past the button that holds one up.
 */
export function openProblems(draft: WizardDraft): Refusal[] {
  const isEmpty = draft.databases.length === 0;
  const storage = storageProblem(draft);
  const problems: [string, string][] = [
    ...textsOf('', setupProblems(draft)),
    ...textsOf('source.', serverProblems(draft.source, true)),
    ...textsOf('target.', serverProblems(draft.target, false)),
    ...(isEmpty ? [['databases', 'Choose at least one database.'] as [string, string]] : []),
    ...[...targetNameProblems(draft)].map(([name, text]): [string, string] => [
      `targetNames.${name}`,
      text,
    ]),
    ...textsOf('', selectionProblems(draft)),
    ...(storage === undefined ? [] : [['targetStorageMb', storage] as [string, string]]),
  ];
  const fields = allFields(draft);
  return problems.flatMap(([name, message]) => {
    const found = fields.find(({ field }) => field === name);
    if (found === undefined) return [];
    return [{ step: found.step, field: found.field, label: found.label, message }];
  });
}

function textsOf(prefix: string, problems: Problems<string>): [string, string][] {
  return Object.entries(problems).flatMap(([name, text]): [string, string][] =>
    text === undefined ? [] : [[`${prefix}${name}`, text]],
  );
}

/** By the property that an error of the service names as its target. */
function fieldOf(target: string, draft: WizardDraft): FieldOfDraft | undefined {
  const name = target === 'migrationName' ? 'name' : fieldNameOf(target, draft);
  return allFields(draft).find(({ field }) => field === name);
}

function fieldNameOf(target: string, { databases }: WizardDraft): string | undefined {
  const path = /^properties\.(.+)$/s.exec(target)?.[1];
  if (path === undefined) return undefined;
  const renamed = databases.find((name) => target === targetOf('targetDbNames', name));
  if (renamed !== undefined) return `targetNames.${renamed}`;
  const side = /^(?:secretParameters\.(?:adminCredentials\.)?)?(source|target)(?=[A-Z])/.exec(path);
  const [prefix = '', sideName] = side ?? [];
  const [property = ''] = path.slice(prefix.length).split('[');
  if (sideName !== undefined && SERVER_PROPERTIES[property] !== undefined) {
    return `${sideName}.${SERVER_PROPERTIES[property]}`;
  }
  return PROPERTIES[/^\w+/.exec(path)?.[0] ?? ''];
}

/** As the service writes the path to a value: what looks like a number stands in brackets. */
function targetOf(property: string, name: string): string {
  return `properties.${property}${/^\d+$/.test(name) ? `[${name}]` : `.${name}`}`;
}

/** What follows `source` or `target` in the name of a property. */
const SERVER_PROPERTIES: Readonly<Record<string, keyof ServerDraft>> = {
  DbServerResourceId: 'host',
  DbServerFullyQualifiedDomainName: 'host',
  ServerUsername: 'user',
  ServerPassword: 'password',
  Auth: 'auth',
  Tls: 'cert',
  'Tls.mode': 'tlsMode',
  'Tls.ca': 'ca',
  'Tls.cert': 'cert',
  'Tls.key': 'key',
  Options: 'options',
};

const PROPERTIES: Readonly<Record<string, string>> = {
  migrationInstanceResourceId: 'workerGroup',
  migrationRuntimeResourceId: 'workerGroup',
  dbsToMigrate: 'databases',
  targetDbNames: 'targetNames',
  includeTables: 'includeTables',
  excludeTables: 'excludeTables',
  jobs: 'jobs',
  targetStorageMb: 'targetStorageMb',
};

const SERVER_LABELS: Readonly<Record<keyof ServerDraft, string>> = {
  host: 'host',
  port: 'port',
  user: 'user',
  password: 'password',
  auth: 'login',
  tlsMode: 'TLS mode',
  ca: 'certificate authorities',
  cert: 'client certificate',
  key: 'key of the client certificate',
  options: 'session options',
};

function allFields(draft: WizardDraft): FieldOfDraft[] {
  const own = (step: StepId, field: keyof WizardDraft, label: string): FieldOfDraft => ({
    step,
    field,
    label,
    reads: (of) => [of[field]],
  });
  return [
    {
      ...own('setup', 'name', 'Migration name'),
      reads: ({ name, server, subscription, resourceGroup }) => [
        name,
        server,
        subscription,
        resourceGroup,
      ],
    },
    own('setup', 'server', 'Target server name'),
    own('setup', 'subscription', 'Subscription id'),
    own('setup', 'resourceGroup', 'Resource group'),
    own('setup', 'workerGroup', 'Worker group'),
    ...serverFields('source', 'Source'),
    ...serverFields('target', 'Target'),
    own('databases', 'databases', 'Databases'),
    { ...own('databases', 'targetNames', 'Names on the target'), reads: namesOf },
    ...draft.databases.map((database) => ({
      ...own('databases', 'targetNames', `Name of ${database} on the target`),
      field: `targetNames.${database}`,
      reads: (of: WizardDraft) => [of.targetNames.get(database)],
    })),
    own('databases', 'includeTables', 'Only these tables'),
    own('databases', 'excludeTables', 'Without these tables'),
    own('databases', 'jobs', 'Parallel jobs'),
    own('summary', 'targetStorageMb', "Size of the target's disk"),
  ];
}

function namesOf({ targetNames, databases }: WizardDraft): readonly unknown[] {
  return [targetNames, databases];
}

function serverFields(side: Side, text: string): FieldOfDraft[] {
  const names = Object.keys(SERVER_LABELS) as (keyof ServerDraft)[];
  return names.map((name) => ({
    step: side,
    field: `${side}.${name}`,
    label: `${text}: ${SERVER_LABELS[name]}`,
    reads: (draft) => {
      const server = draft[side];
      if (name === 'auth') return [server.auth, server.host, server.tlsMode];
      if (name === 'cert') return [server.cert, server.key, server.tlsMode];
      // A target that is the source is one again under another name for its databases.
      if (name === 'host') return [server.host, server.port, ...namesOf(draft)];
      return [server[name]];
    },
  }));
}
