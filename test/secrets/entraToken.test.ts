import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AccessToken, TokenCredential } from '@azure/identity';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { draftMigration } from '../../shared/api/draft.ts';
import { serverEndpoint } from '../../shared/api/endpoints.ts';
import type { ServerPath } from '../../shared/api/path.ts';
import type { PutProperties } from '../../shared/api/schemas.ts';
import { connect } from '../../shared/pg/connect.ts';
import type { PgEndpoint } from '../../shared/pg/endpoint.ts';
import { ENTRA_SCOPE, entraPassword } from '../../shared/secrets/entraToken.ts';

let server: ThrowawayCluster;

beforeAll(async () => {
  server = await startThrowawayCluster({
    hbaLines: ['host all entra_user 127.0.0.1/32 scram-sha-256'],
  });
  await server.run("create role entra_user login password 'first token'");
});

afterAll(() => server.stop());

/** Gives the tokens one after the other, and notes what it was asked for. */
function credentialOf(tokens: (string | null)[]) {
  const asked: (string | string[])[] = [];
  const credential: TokenCredential = {
    getToken: (scope) => {
      asked.push(scope);
      const token = tokens.shift() ?? null;
      const answer: AccessToken | null =
        token === null ? null : { token, expiresOnTimestamp: Date.now() + 3_600_000 };
      return Promise.resolve(answer);
    },
  };
  return { credential, asked };
}

test('every connect asks for a token, and the server gets the one of that moment', async () => {
  const { credential, asked } = credentialOf(['first token', 'second token', 'old token', null]);
  const endpoint: PgEndpoint = {
    host: '127.0.0.1',
    port: server.port,
    user: 'entra_user',
    password: entraPassword(credential),
    database: 'postgres',
    tls: { mode: 'disable' },
  };
  const logIn = async () => {
    await using session = await connect(endpoint, { applicationName: 'pgmove/test' });
    const { rows } = await session.query('select current_user::text as name');
    return rows;
  };
  expect(await logIn()).toEqual([{ name: 'entra_user' }]);
  await server.run("alter role entra_user password 'second token'");
  expect(await logIn()).toEqual([{ name: 'entra_user' }]);
  await expect(logIn()).rejects.toMatchObject({ kind: 'authenticationFailed' });
  await expect(logIn()).rejects.toThrow(/no token/);
  expect(asked).toEqual(Array(4).fill(ENTRA_SCOPE));
});

const PATH: ServerPath = {
  subscriptionId: '00000000-0000-0000-0000-000000000000',
  resourceGroupName: 'rg',
  serverName: 'new',
};

function draftWith(properties: PutProperties) {
  const body = {
    location: 'westeurope',
    properties: {
      sourceDbServerResourceId: 'old.example.com:5432@reader',
      secretParameters: { targetServerUsername: 'mover' },
      ...properties,
    },
  };
  return draftMigration(PATH, body, { jobs: 4 });
}

test('a side with Entra has a function for its password, the other one its secret', () => {
  const { spec } = draftWith({ targetAuth: 'Entra', targetTls: { mode: 'verify-full' } });
  expect(spec.target).toMatchObject({ auth: 'entra', host: 'new.postgres.database.azure.com' });
  const secrets = { sourcePassword: 'a', targetPassword: 'b' };
  expect(serverEndpoint(spec.target, 'target', 'db', secrets, []).password).toBeTypeOf('function');
  expect(serverEndpoint(spec.source, 'source', 'db', secrets, []).password).toBe('a');
});

test('no other server gets a token, and none whose certificate is not checked', () => {
  const elsewhere = { targetAuth: 'Entra', targetTls: { mode: 'verify-full' } } as const;
  for (const host of [
    'new.example.com',
    'postgres.database.azure.com.example.com',
    'example.com/x.postgres.database.azure.com',
  ]) {
    expect(() => draftWith({ ...elsewhere, targetDbServerFullyQualifiedDomainName: host })).toThrow(
      /azure\.com|is no/,
    );
  }
  for (const mode of ['disable', 'allow', 'prefer', 'require', 'verify-ca'] as const) {
    expect(() => draftWith({ targetAuth: 'Entra', targetTls: { mode } })).toThrow(/verify-full/);
  }
  expect(() => draftWith({ sourceAuth: 'Entra', sourceTls: { mode: 'verify-full' } })).toThrow(
    /sourceAuth/,
  );
});
