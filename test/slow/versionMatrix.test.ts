import { afterAll, beforeAll, expect, it } from 'vitest';
import { embeddedBinaries } from '../../scripts/postgres/serverBinaries.ts';
import type { EmbeddedMajor } from '../../scripts/postgres/serverBinaries.ts';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { differences, testMigration } from '../e2e/support/migrations.ts';
import { startTestStack } from '../e2e/support/testStack.ts';
import type { TestStack } from '../e2e/support/testStack.ts';
import { trapsRoles, trapsSchema } from '../fixtures/trapsSchema.ts';

/** The others are embedded; 15 stands for the system's own, whatever it is. */
type Major = EmbeddedMajor | 15;

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack();
});

afterAll(() => stack?.[Symbol.asyncDispose]());

const SOURCES = [10, 12, 15] as const;
/** What pg_dump writes is not for servers before 11. */
const TARGETS = [12, 15, 18] as const;

const PAIRS = SOURCES.flatMap((from) =>
  TARGETS.filter((to) => to >= from).map((to) => [from, to] as const),
);

async function cluster(major: Major) {
  return startThrowawayCluster(major === 15 ? {} : { binaries: await embeddedBinaries(major) });
}

it.each(PAIRS)(
  'a schema that is full of traps goes from %i to %i with its rows',
  async (from, to) => {
    await using source = await cluster(from);
    await using target = await cluster(to);
    for (const each of [source, target]) await each.run(await trapsRoles());
    await source.createDatabase('traps');
    await source.run(await trapsSchema({ serverVersion: from * 10_000 }), 'traps');
    const migration = testMigration({
      stack,
      source,
      target,
      databases: ['traps'],
      properties: { migrationOption: 'ValidateAndMigrate', verify: 'hash' },
    });
    await migration.put();
    const { currentStatus } = (await migration.ended(300_000)).properties;
    expect(currentStatus, JSON.stringify(currentStatus)).toMatchObject({ state: 'Succeeded' });
    expect(await differences(source, target, 'traps')).toEqual([]);
  },
);
