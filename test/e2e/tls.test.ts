import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../shared/pg/connect.ts';
import type { TlsSettings } from '../../shared/pg/endpoint.ts';
import { hasOpenssl, makeAuthority } from './support/certificates.ts';
import type { Authority } from './support/certificates.ts';
import { differences, testMigration } from './support/migrations.ts';
import { useTestSite } from './support/testSite.ts';
import type { TestSite } from './support/testSite.ts';
import { waitFor } from './support/waitFor.ts';

const PASSWORD = 'over TLS only';

/** What each side takes of the migration's user: TLS, with a certificate here, a password there. */
const SERVERS = {
  source: {
    hbaLines: ['hostnossl all mover all reject', 'hostssl all mover all cert'],
  },
  target: {
    hbaLines: ['hostnossl all mover all reject', 'hostssl all mover all scram-sha-256'],
  },
};

describe.skipIf(!hasOpenssl)('with servers that require TLS', () => {
  let site: TestSite;
  let authority: Authority;
  let sourceTls: TlsSettings;
  let targetTls: TlsSettings;

  beforeAll(async () => {
    authority = await makeAuthority();
  });
  afterAll(() => authority?.[Symbol.asyncDispose]());

  useTestSite(async (started) => {
    site = started;
    const { certificate: ca } = authority;
    for (const server of [site.source, site.target]) {
      await authority.secure(server);
      await server.run(`create role mover login superuser password '${PASSWORD}'`);
    }
    sourceTls = { mode: 'verify-full', ca, ...(await authority.clientCertificate('mover')) };
    targetTls = { mode: 'verify-full', ca };
    // A reload is noticed by the postmaster when it comes to it.
    await waitFor('TLS on both sides', () => reachable(site.source.port, sourceTls));
    await waitFor('TLS on both sides', () => reachable(site.target.port, targetTls));
  }, SERVERS);

  async function reachable(port: number, tls: TlsSettings): Promise<true | undefined> {
    const endpoint = { host: '127.0.0.1', port, user: 'mover', password: PASSWORD, tls };
    const options = { applicationName: 'pgmove/test/tls' };
    try {
      await using session = await connect({ ...endpoint, database: 'postgres' }, options);
      return session.serverVersion > 0 ? true : undefined;
    } catch {
      return undefined;
    }
  }

  function migrationOf(database: string, tls: { source: TlsSettings; target: TlsSettings }) {
    return testMigration({
      ...site,
      databases: [database],
      users: { source: 'mover', target: 'mover' },
      properties: {
        migrationOption: 'ValidateAndMigrate',
        verify: 'hash',
        sslMode: 'VerifyFull',
        sourceTls: tls.source,
        targetTls: tls.target,
        secretParameters: {
          adminCredentials: { sourceServerPassword: '', targetServerPassword: PASSWORD },
          targetServerUsername: 'mover',
        },
      },
    });
  }

  it('takes every connection over TLS and checks both servers, pg_dump as well', async () => {
    const { source, target } = site;
    await source.createDatabase('secret');
    await source.run(
      `create table account (id int primary key, iban text unique);
       insert into account select i, md5(i::text) from generate_series(1, 2000) i;
       create table entry (id serial primary key, account_id int references account, cents bigint);
       insert into entry (account_id, cents) select 1 + i % 2000, i from generate_series(1, 5000) i;
       create view total as select sum(cents) from entry;
       select lo_from_bytea(0, 'abc');`,
      'secret',
    );
    const migration = migrationOf('secret', { source: sourceTls, target: targetTls });
    const created = await migration.put();
    expect(JSON.stringify(created)).not.toContain('PRIVATE KEY');
    const { currentStatus } = (await migration.ended()).properties;
    expect(currentStatus, JSON.stringify(currentStatus)).toMatchObject({ state: 'Succeeded' });
    expect(await differences(source, target, 'secret')).toEqual([]);
  });

  it('does not talk to a server that another authority vouches for', async () => {
    await using stranger = await makeAuthority();
    const ca = stranger.certificate;
    for (const side of ['source', 'target'] as const) {
      const tls = { source: sourceTls, target: targetTls };
      tls[side] = { ...tls[side], ca };
      const migration = migrationOf('secret', tls);
      await migration.put();
      const { currentStatus } = (await migration.ended()).properties;
      expect(currentStatus.state).toBe('ValidationFailed');
      expect(JSON.stringify(currentStatus.currentSubStateDetails.validationDetails)).toMatch(
        new RegExp(`603001.*127\\.0\\.0\\.1:${site[side].port}.*certificate`, 's'),
      );
    }
  });

  it('is refused without the certificate that the source asks for', async () => {
    const { ca } = sourceTls;
    const tls = { source: { mode: 'verify-full', ca } as TlsSettings, target: targetTls };
    const migration = migrationOf('secret', tls);
    await migration.put();
    const { currentStatus } = (await migration.ended()).properties;
    expect(currentStatus.state).toBe('ValidationFailed');
    expect(JSON.stringify(currentStatus.currentSubStateDetails.validationDetails)).toMatch(
      /client certificate/,
    );
  });
});
