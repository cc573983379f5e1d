import { linesOf, targetNameOf } from './selection.ts';
import type { ServerDraft, WizardDraft } from './draft.ts';

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

/** libpq reads the authorities for `require` as well; below it nothing is checked. */
export function takesAuthorities(tlsMode: string): boolean {
  return tlsMode === 'require' || tlsMode.startsWith('verify');
}

/** Without encryption there is nobody to show a certificate to. */
export function takesClientCertificate(tlsMode: string): boolean {
  return tlsMode !== 'disable';
}

export type ServerField = 'host' | 'port' | 'user' | 'tlsMode' | 'ca' | 'cert' | 'key';

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
    ...problem(
      'tlsMode',
      server.auth === 'Entra' && server.tlsMode !== 'verify-full'
        ? 'With Entra it has to be verify-full: a token goes to a server that is known for certain.'
        : undefined,
    ),
    ...certificateProblems(server),
  };
}

function certificateProblems(server: ServerDraft): Problems<'ca' | 'cert' | 'key'> {
  const [ca, cert, key] = [server.ca.trim(), server.cert.trim(), server.key.trim()];
  const isUsed = takesClientCertificate(server.tlsMode);
  return {
    ...problem('ca', takesAuthorities(server.tlsMode) ? certificateProblem(ca) : undefined),
    ...problem(
      'cert',
      !isUsed
        ? undefined
        : cert === '' && key !== ''
          ? 'Add the certificate that the key belongs to.'
          : certificateProblem(cert),
    ),
    ...problem('key', isUsed ? keyProblem(key, cert !== '') : undefined),
  };
}

function certificateProblem(pem: string): string | undefined {
  return pem === '' || /-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/.test(pem)
    ? undefined
    : 'Give PEM text: it begins with -----BEGIN CERTIFICATE-----.';
}

function keyProblem(pem: string, hasCertificate: boolean): string | undefined {
  if (pem === '') return hasCertificate ? 'Add the key of the certificate.' : undefined;
  if (/-----BEGIN ENCRYPTED |^Proc-Type: .*ENCRYPTED/m.test(pem)) {
    return 'This key is encrypted: give one without a passphrase.';
  }
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)
    ? undefined
    : 'Give PEM text: it begins with -----BEGIN PRIVATE KEY-----.';
}

export type SelectionField = 'includeTables' | 'excludeTables' | 'jobs';

export function selectionProblems(draft: WizardDraft): Problems<SelectionField> {
  return {
    ...problem('includeTables', patternProblem(draft.includeTables)),
    ...problem('excludeTables', patternProblem(draft.excludeTables)),
    ...problem(
      'jobs',
      draft.jobs.trim() === '' || isWholeNumber(draft.jobs, 64)
        ? undefined
        : 'Use a whole number from 1 to 64.',
    ),
  };
}

export function storageProblem({ targetStorageMb }: WizardDraft): string | undefined {
  return targetStorageMb.trim() === '' || isWholeNumber(targetStorageMb, 2_147_483_647)
    ? undefined
    : 'Use a whole number of megabytes.';
}

function isWholeNumber(text: string, most: number): boolean {
  const number = /^\d{1,10}$/.test(text.trim()) ? Number(text) : 0;
  return number >= 1 && number <= most;
}

const MOST_PATTERNS = 5_000;
const LONGEST_PATTERN = 300;

function patternProblem(text: string): string | undefined {
  const patterns = linesOf(text);
  if (patterns.length > MOST_PATTERNS) return `Use at most ${MOST_PATTERNS} patterns.`;
  const long = patterns.find((pattern) => pattern.length > LONGEST_PATTERN);
  return long === undefined
    ? undefined
    : `A pattern has at most ${LONGEST_PATTERN} characters: ${long.slice(0, 20)}…`;
}

const LONGEST_NAME_BYTES = 63;

/** What is wrong with the names on the target, by the name on the source. */
export function targetNameProblems(draft: WizardDraft): ReadonlyMap<string, string> {
  const users = new Map<string, string[]>();
  for (const database of draft.databases) {
    const name = targetNameOf(draft, database);
    users.set(name, [...(users.get(name) ?? []), database]);
  }
  const problems = new Map<string, string>();
  for (const [name, databases] of users) {
    const isLong = new TextEncoder().encode(name).length > LONGEST_NAME_BYTES;
    for (const database of databases) {
      const other = databases.find((item) => item !== database);
      if (isLong) problems.set(database, `PostgreSQL has names of ${LONGEST_NAME_BYTES} bytes.`);
      else if (other !== undefined) problems.set(database, `${other} gets this name as well.`);
    }
  }
  return problems;
}

function problem<Field extends string>(field: Field, text: string | undefined): Problems<Field> {
  return text === undefined ? {} : ({ [field]: text } as Problems<Field>);
}

export function hasProblems(problems: Problems<string>): boolean {
  return Object.keys(problems).length > 0;
}
