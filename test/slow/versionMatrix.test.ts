import { afterAll, beforeAll, it } from 'vitest';
import { embeddedBinaries } from '../../scripts/postgres/serverBinaries.ts';
import type { EmbeddedMajor } from '../../scripts/postgres/serverBinaries.ts';
import { startThrowawayCluster } from '../../scripts/postgres/throwawayCluster.ts';
import { startTestStack } from '../e2e/support/testStack.ts';
import type { TestStack } from '../e2e/support/testStack.ts';
import { expectTrapsToArrive } from '../e2e/support/traps.ts';

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
    await expectTrapsToArrive({ stack, source, target }, from * 10_000);
  },
);
