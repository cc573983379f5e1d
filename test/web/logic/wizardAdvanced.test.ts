import { describe, expect, test } from 'vitest';
import { migrationBody } from '../../../cli/migrate/requestBody.ts';
import { draftMigration } from '../../../shared/api/draft.ts';
import { ApiError, armErrorBody } from '../../../shared/api/errors.ts';
import { parseBody } from '../../../shared/api/parseBody.ts';
import { putBodySchema } from '../../../shared/api/schemas.ts';
import type { PutBody } from '../../../shared/api/schemas.ts';
import { parseConnectionUri } from '../../../shared/pg/connectionUri.ts';
import { ApiFailure } from '../../../web/api/failure.ts';
import { newDraft, scopeOf } from '../../../web/pages/wizard/draft.ts';
import type { ServerDraft, WizardDraft } from '../../../web/pages/wizard/draft.ts';
import {
  selectionProblems,
  serverProblems,
  storageProblem,
  targetNameProblems,
} from '../../../web/pages/wizard/problems.ts';
import {
  openProblems,
  refusalsOf,
  refusalText,
  standingRefusals,
} from '../../../web/pages/wizard/refusals.ts';
import {
  migrationProperties,
  sourceProperties,
  targetProperties,
} from '../../../web/pages/wizard/requestBody.ts';

const NEW = newDraft(new Date('2026-03-01T08:05:00Z'));
const CERTIFICATE = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----';
const KEY = '-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----';

function draftOf(changed: Partial<WizardDraft> = {}): WizardDraft {
  return {
    ...NEW,
    source: { ...NEW.source, host: 'old.example.com', user: 'reader', password: 'one' },
    target: { ...NEW.target, host: 'new.example.com', user: 'owner', password: 'two' },
    databases: ['shop', 'crm'],
    ...changed,
  };
}

function serverOf(changed: Partial<ServerDraft>): ServerDraft {
  return { ...NEW.source, host: 'db', user: 'u', ...changed };
}

/** What the service makes of the draft; throws what it would answer. */
function served(draft: WizardDraft) {
  const { subscription, resourceGroup, server } = scopeOf(draft);
  const path = {
    subscriptionId: subscription,
    resourceGroupName: resourceGroup,
    serverName: server,
  };
  const properties = migrationProperties(draft);
  const body = parseBody(putBodySchema, JSON.stringify({ location: 'local', properties }));
  return draftMigration(path, body as PutBody, { jobs: 4 });
}

/** The refusals that the page gets of the service's answer. */
function refused(draft: WizardDraft) {
  try {
    served(draft);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const answer = JSON.parse(JSON.stringify(armErrorBody(error))) as {
      error: ConstructorParameters<typeof ApiFailure>[1];
    };
    return refusalsOf(new ApiFailure(error.status, answer.error), draft);
  }
  return [];
}

describe('the request is the one that the command line sends', () => {
  const [source, target] = [
    'postgresql://reader:one@old.example.com:5433/shop?sslmode=require&options=-c%20work_mem%3D64MB',
    'postgresql://owner:two@new.example.com/shop_new?sslmode=disable',
  ];
  const endpoints = () =>
    Promise.all([source, target].map((uri) => parseConnectionUri(uri, { HOME: '/nowhere' })));
  const draft = draftOf();
  const servers = {
    source: { ...draft.source, port: '5433', tlsMode: 'require', options: '-c work_mem=64MB' },
    target: { ...draft.target, tlsMode: 'disable' },
  };

  test('for a migration with nothing but its databases', async () => {
    const [from, to] = await endpoints();
    const pairs = [{ source: 'shop', target: 'shop' }];
    const body = await migrationBody({ verify: 'none' }, from!, to!, pairs);
    const properties = migrationProperties(draftOf({ ...servers, databases: ['shop'] }));
    expect({ location: 'local', properties }).toEqual(body);
  });

  test('for an online one with everything', async () => {
    const [from, to] = await endpoints();
    const tls = { mode: 'verify-full', ca: CERTIFICATE, cert: CERTIFICATE, key: KEY } as const;
    const body = await migrationBody(
      {
        verify: 'hash',
        online: true,
        overwrite: true,
        roles: true,
        fenceSource: true,
        replicaIdentityFull: true,
        setupReplication: true,
        include: ['public.*', 'app.order?'],
        exclude: ['public.log_*'],
        jobs: 12,
      },
      { ...from!, tls },
      to!,
      [
        { source: 'shop', target: 'shop_new' },
        { source: 'crm', target: 'crm' },
      ],
    );
    const properties = migrationProperties(
      draftOf({
        ...servers,
        source: {
          ...servers.source,
          tlsMode: 'verify-full',
          ca: CERTIFICATE,
          cert: `${CERTIFICATE}\n`,
          key: `${KEY}\n`,
        },
        mode: 'Online',
        // One that gets its own name is not renamed, nor is one that is not chosen.
        targetNames: new Map([
          ['shop', ' shop_new '],
          ['crm', 'crm'],
          ['gone', 'elsewhere'],
        ]),
        includeTables: 'public.*\n\n  app.order?\n',
        excludeTables: 'public.log_*',
        jobs: ' 12 ',
        overwrite: true,
        migrateRoles: true,
        fenceSource: true,
        replicaIdentityFull: true,
        setUpReplication: true,
        verify: 'hash',
      }),
    );
    expect({ location: 'local', properties }).toEqual(body);
  });

  test('for a validation', async () => {
    const [from, to] = await endpoints();
    const pairs = [{ source: 'shop', target: 'shop_new' }];
    const options = { dryRun: true, targetStorageMb: 32_768, overwrite: true };
    const body = await migrationBody(options, from!, to!, pairs, 'Validate');
    const properties = migrationProperties(
      draftOf({
        ...servers,
        option: 'Validate',
        databases: ['shop'],
        targetNames: new Map([['shop', 'shop_new']]),
        dryRun: true,
        targetStorageMb: '32768',
        overwrite: true,
        // Left over from another option.
        verify: 'hash',
        fenceSource: true,
      }),
    );
    expect({ location: 'local', properties }).toEqual(body);
  });
});

test('the service takes a worker group, and a token in place of a password', () => {
  const draft = draftOf({ workerGroup: ' vnet-a ' });
  const entra = {
    ...draft.target,
    host: 'x.postgres.database.azure.com',
    auth: 'Entra' as const,
    tlsMode: 'verify-full',
  };
  const { spec, secrets } = served({ ...draft, target: entra });
  expect(spec).toMatchObject({ migrationInstanceResourceId: 'vnet-a', target: { auth: 'entra' } });
  expect(spec.source.auth).toBeUndefined();
  expect(secrets).toEqual({ sourcePassword: 'one' });
  // The looks at the servers are this service's own, which refuses to be another group.
  expect(sourceProperties(draft)).not.toHaveProperty('migrationInstanceResourceId');
  expect(targetProperties({ ...draft, target: entra })).toEqual({
    targetDbServerFullyQualifiedDomainName: 'x.postgres.database.azure.com:5432',
    targetTls: { mode: 'verify-full' },
    targetAuth: 'Entra',
    secretParameters: { adminCredentials: {}, targetServerUsername: 'owner' },
  });
});

test('certificates go only where the TLS mode has a use for them', () => {
  const tls = (tlsMode: string) =>
    sourceProperties(
      draftOf({ source: serverOf({ tlsMode, ca: CERTIFICATE, cert: CERTIFICATE, key: KEY }) }),
    )['sourceTls'];
  expect(tls('disable')).toEqual({ mode: 'disable' });
  expect(tls('prefer')).toEqual({ mode: 'prefer', cert: CERTIFICATE, key: KEY });
  expect(tls('require')).toEqual({ mode: 'require', ca: CERTIFICATE, cert: CERTIFICATE, key: KEY });
});

test.each([
  [{ auth: 'Entra' as const, tlsMode: 'require' }, ['tlsMode']],
  [{ auth: 'Entra' as const, tlsMode: 'verify-full' }, []],
  [{ cert: CERTIFICATE, key: KEY }, []],
  [{ cert: CERTIFICATE }, ['key']],
  [{ key: KEY }, ['cert']],
  [{ cert: 'shop.crt', key: 'shop.key' }, ['cert', 'key']],
  [{ cert: 'shop.crt', key: 'shop.key', tlsMode: 'disable' }, []],
  [{ cert: CERTIFICATE, key: '-----BEGIN ENCRYPTED PRIVATE KEY-----' }, ['key']],
  [{ cert: CERTIFICATE, key: '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED' }, ['key']],
  [{ ca: 'root.crt', tlsMode: 'verify-ca' }, ['ca']],
])('a server with %o has problems with %o', (changed, fields) => {
  expect(Object.keys(serverProblems(serverOf(changed), true))).toEqual(fields);
});

test('jobs, disk sizes and patterns have the limits of the service', () => {
  const isRefused = (changed: Partial<WizardDraft>) => refused(draftOf(changed)).length > 0;
  for (const [jobs, isWrong] of [
    ['', false],
    ['1', false],
    ['64', false],
    ['0', true],
    ['65', true],
    ['2.5', true],
    ['-1', true],
    ['1e1', true],
    ['many', true],
  ] as const) {
    expect([jobs, 'jobs' in selectionProblems(draftOf({ jobs }))]).toEqual([jobs, isWrong]);
    // What is no number at all is left out of the body, and '1e1' is ten there.
    if (!['1e1', 'many'].includes(jobs))
      expect([jobs, isRefused({ jobs })]).toEqual([jobs, isWrong]);
  }
  for (const [targetStorageMb, isWrong] of [
    ['2147483647', false],
    ['2147483648', true],
  ] as const) {
    expect(storageProblem(draftOf({ targetStorageMb })) !== undefined).toBe(isWrong);
    expect(isRefused({ targetStorageMb })).toBe(isWrong);
  }
  for (const [includeTables, isWrong] of [
    [`a.b\n${'x'.repeat(300)}`, false],
    [`a.b\n${'x'.repeat(301)}`, true],
  ] as const) {
    expect('includeTables' in selectionProblems(draftOf({ includeTables }))).toBe(isWrong);
    expect(isRefused({ includeTables })).toBe(isWrong);
  }
});

test('two databases with one name on the target are told at both, and so is a name too long', () => {
  const problems = (names: [string, string][]) => [
    ...targetNameProblems(draftOf({ targetNames: new Map(names) })).keys(),
  ];
  expect(problems([])).toEqual([]);
  expect(problems([['shop', 'crm']])).toEqual(['shop', 'crm']);
  expect(
    problems([
      ['shop', 'crm'],
      ['crm', 'shop'],
    ]),
  ).toEqual([]);
  expect(problems([['crm', 'ä'.repeat(31)]])).toEqual([]);
  expect(problems([['crm', 'ä'.repeat(32)]])).toEqual(['crm']);
  expect(problems([['__proto__', 'x']])).toEqual([]);
});

describe('what the service refuses stands at its field', () => {
  test.each<[string, Partial<WizardDraft>, string[]]>([
    ['jobs', { jobs: '65' }, ['databases jobs']],
    ['a pattern', { excludeTables: 'x'.repeat(301) }, ['databases excludeTables']],
    ['the disk', { targetStorageMb: '0' }, ['summary targetStorageMb']],
    [
      'two things',
      { jobs: '0', includeTables: 'x'.repeat(301) },
      ['databases includeTables', 'databases jobs'],
    ],
    ['a login by token', { source: serverOf({ auth: 'Entra' }) }, ['source source.auth']],
    [
      'a certificate without a key',
      { target: serverOf({ cert: CERTIFICATE }) },
      ['target target.cert'],
    ],
    [
      'a session option',
      { source: serverOf({ options: 'x'.repeat(1_001) }) },
      ['source source.options'],
    ],
    ['a host', { source: serverOf({ host: 'db/x' }) }, ['source source.host']],
    ['a user', { target: serverOf({ user: '' }) }, ['target target.user']],
    [
      'a password',
      { target: serverOf({ password: 'x'.repeat(5_001) }) },
      ['target target.password'],
    ],
    [
      'authorities',
      { source: serverOf({ tlsMode: 'require', ca: 'x'.repeat(100_001) }) },
      ['source source.ca'],
    ],
    ['two of one name', { targetNames: new Map([['shop', 'crm']]) }, ['databases targetNames']],
    [
      'a name that is too long',
      { databases: ['shop', '7', 'a.b'], targetNames: new Map([['a.b', 'x'.repeat(64)]]) },
      ['databases targetNames.a.b'],
    ],
    [
      'that of a database named by a number',
      { databases: ['shop', '7'], targetNames: new Map([['7', 'x'.repeat(64)]]) },
      ['databases targetNames.7'],
    ],
    ['databases', { databases: ['x'.repeat(64)] }, ['databases databases']],
    [
      'one server for both sides',
      { source: serverOf({}), target: serverOf({}) },
      ['target target.host'],
    ],
  ])('%s', (_what, changed, fields) => {
    const found = refused(draftOf(changed));
    expect(found.map(({ step, field }) => `${step} ${field}`)).toEqual(fields);
    for (const { message, label } of found) {
      expect(message).not.toBe('');
      expect(label).not.toBe('');
    }
  });

  test('until the field is changed, and no longer', () => {
    const draft = draftOf({ jobs: '65', source: serverOf({ auth: 'Entra' }) });
    const error = new ApiFailure(400, {
      message: 'several',
      details: [
        { target: 'properties.jobs', message: 'jobs' },
        { target: 'properties.sourceAuth', message: 'auth' },
        { target: 'migrationName', message: 'name' },
        { target: 'properties.unheardOf', message: 'nobody' },
      ],
    });
    const refusals = refusalsOf(error, draft);
    expect(refusals.map(({ message }) => message)).toEqual(['jobs', 'auth', 'name']);
    const after = (changed: Partial<WizardDraft>) =>
      standingRefusals(refusals, draft, { ...draft, ...changed }).map(({ field }) => field);
    expect(after({ verify: 'hash' })).toEqual(['jobs', 'source.auth', 'name']);
    expect(after({ jobs: '6' })).toEqual(['source.auth', 'name']);
    // Another host may get a token; another user is no reason to think so.
    expect(after({ source: { ...draft.source, user: 'x' } })).toContain('source.auth');
    expect(after({ source: { ...draft.source, host: 'x' } })).not.toContain('source.auth');
    expect(after({ server: 'another' })).not.toContain('name');
    expect(refusalText(refusals, 'jobs')).toBe('jobs');
    expect(refusalText(refusals, 'source.host')).toBeUndefined();
  });

  test('and what has no field is no refusal of one', () => {
    expect(refusalsOf(new ApiFailure(500, { message: 'x' }), NEW)).toEqual([]);
    expect(refusalsOf(new TypeError('x'), NEW)).toEqual([]);
  });
});

test('the summary knows what is wrong in every step, and only that', () => {
  expect(openProblems(draftOf())).toEqual([]);
  const fields = openProblems(
    draftOf({
      name: '-x',
      resourceGroup: 'x.',
      source: serverOf({ host: '', cert: CERTIFICATE }),
      target: serverOf({ host: '', auth: 'Entra', user: '' }),
      databases: ['shop', 'crm'],
      targetNames: new Map([['shop', 'crm']]),
      jobs: 'many',
      excludeTables: 'x'.repeat(301),
      targetStorageMb: '1 GB',
    }),
  ).map(({ step, field }) => `${step} ${field}`);
  expect(fields).toEqual([
    'setup name',
    'setup resourceGroup',
    'source source.host',
    'source source.key',
    'target target.user',
    'target target.tlsMode',
    'databases targetNames.shop',
    'databases targetNames.crm',
    'databases excludeTables',
    'databases jobs',
    'summary targetStorageMb',
  ]);
  const [first] = openProblems(draftOf({ databases: [] }));
  expect(first).toMatchObject({ step: 'databases', field: 'databases' });
});
