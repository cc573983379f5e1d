import { expect, test } from 'vitest';
import { embeddedBinaries } from '../../../scripts/postgres/serverBinaries.ts';
import { fence, readFenceBefore, unfence } from '../../../shared/pg/source/fence.ts';
import { checkLogicalReadiness } from '../../../shared/pg/source/logicalReadiness.ts';
import { setupLogicalReplication } from '../../../shared/pg/source/logicalSetup.ts';
import {
  findIdentityProblems,
  identityChanges,
  restoreIdentities,
  setFull,
} from '../../../shared/pg/source/replicaIdentity.ts';
import { everything, startTestCluster } from '../copy/copyPair.ts';
import { makeDatabase, openSession } from './sourceCluster.ts';

test.each([10, 12, 18] as const)(
  'a source of version %i is checked, prepared and closed',
  async (major) => {
    await using cluster = await startTestCluster({
      binaries: await embeddedBinaries(major),
      settings: { max_replication_slots: '1' },
    });
    await cluster.run('create role mover login; create role guest login');
    const { database, client } = await makeDatabase(cluster, 'create table no_key (a int)');
    await client.query(
      `alter database "${database}" owner to mover; alter table no_key owner to mover`,
    );
    {
      await using admin = await openSession(cluster, database);
      const findings = await checkLogicalReadiness(admin, { databaseCount: 3 });
      expect(findings).toMatchObject([{ code: '603105', fixable: 'restart' }]);
      expect(await setupLogicalReplication(admin, findings)).toEqual({
        changed: ['alter system set max_replication_slots = 3 (after a restart)'],
        refused: [],
      });
    }
    await client.end();
    await using session = await openSession(cluster, database, 'mover');
    const { problems } = await findIdentityProblems(session, everything);
    expect(problems).toMatchObject([{ name: 'no_key', identity: 'd' }]);
    await setFull(session, problems);
    expect((await findIdentityProblems(session, everything)).problems).toEqual([]);
    expect(await restoreIdentities(session, identityChanges(problems))).toEqual([]);
    expect((await findIdentityProblems(session, everything)).problems).toEqual(problems);
    const before = await readFenceBefore(session, '2026-01-01T00:00:00Z');
    await fence(session, { signal: new AbortController().signal });
    const admit = async () => {
      const guest = await openSession(cluster, database, 'guest');
      await guest.close();
    };
    await expect(admit()).rejects.toMatchObject({ kind: 'permissionDenied' });
    expect(await unfence(session, before)).toEqual([]);
    await admit();
  },
);
