import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { embeddedBinaries } from '../../scripts/postgres/serverBinaries.ts';
import type { EmbeddedMajor } from '../../scripts/postgres/serverBinaries.ts';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { dumpText } from './support/dumpText.ts';
import { testMigration } from './support/migrations.ts';
import { startTestStack } from './support/testStack.ts';
import type { TestStack } from './support/testStack.ts';
import { expectTrapsToArrive, expectTrapsToFollow } from './support/traps.ts';

type Major = EmbeddedMajor | 'system';

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack();
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

async function start(major: Major): Promise<ThrowawayCluster> {
  if (major === 'system') return await startThrowawayCluster();
  return await startThrowawayCluster({ binaries: await embeddedBinaries(major) });
}

async function versionOf(cluster: ThrowawayCluster): Promise<number> {
  const client = await cluster.connect();
  const { rows } = await client.query<{ version: string }>(
    "select current_setting('server_version_num') as version",
  );
  await client.end();
  return Number(rows[0]?.version);
}

const PAIRS: [Major, Major][] = [
  [10, 'system'],
  [12, 'system'],
  ['system', 18],
];

describe('between versions', () => {
  it.each(PAIRS)('a schema full of traps arrives equal: %s to %s', async (from, to) => {
    await using source = await start(from);
    await using target = await start(to);
    await expectTrapsToArrive({ stack, source, target }, await versionOf(source));
  });

  it.each([['system'], [18]] as const)(
    'a schema full of traps follows its changes online: system to %s',
    async (to) => {
      await using source = await start('system');
      await using target = await start(to);
      await expectTrapsToFollow({ stack, source, target }, await versionOf(source));
      if (to !== 'system') return;
      expect(await dumpText(target, 'traps')).toBe(await dumpText(source, 'traps'));
    },
  );

  it('a target that is older than its source is refused, with both versions named', async () => {
    const [source, target] = await Promise.all([start('system'), start(12)]);
    try {
      await source.createDatabase('down');
      const migration = testMigration({ stack, source, target, databases: ['down'] });
      await migration.put();
      const { currentStatus } = (await migration.ended()).properties;
      expect(currentStatus.state).toBe('Failed');
      expect(currentStatus.error).toMatch(/12\.\d+.*older.*15|older than the source \(15/s);
    } finally {
      await Promise.all([source.stop(), target.stop()]);
    }
  });

  it('a source that is newer than pg_dump is refused, with the remedy', async () => {
    const [source, target] = await Promise.all([start(18), start(18)]);
    try {
      await source.createDatabase('newer');
      const migration = testMigration({ stack, source, target, databases: ['newer'] });
      await migration.put();
      const { currentStatus } = (await migration.ended()).properties;
      expect(currentStatus.state).toBe('Failed');
      expect(currentStatus.error).toContain('PG_BIN_DIR');
    } finally {
      await Promise.all([source.stop(), target.stop()]);
    }
  });
});
