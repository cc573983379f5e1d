import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { trapsRoles, trapsSchema } from '../../fixtures/trapsSchema.ts';
import { dumpText, endpointOf, migrateSchema } from './migrateSchema.ts';

let source: ThrowawayCluster;
let target: ThrowawayCluster;

beforeAll(async () => {
  [source, target] = await Promise.all([startThrowawayCluster(), startThrowawayCluster()]);
  await Promise.all([source, target].map(async (cluster) => cluster.run(await trapsRoles())));
  await source.createDatabase('traps');
  await source.run(await trapsSchema({ serverVersion: 150000 }), 'traps');
});

afterAll(async () => {
  await source?.stop();
  await target?.stop();
});

describe('a whole schema by a superuser, 15 to 15', () => {
  it('arrives so that the dumps of both sides are equal, also when every step runs twice', async () => {
    const { notCarried } = await migrateSchema(
      endpointOf(source, 'traps'),
      endpointOf(target, 'traps'),
      { twice: true },
    );
    expect(await dumpText(target, 'traps')).toBe(await dumpText(source, 'traps'));
    expect(notCarried).toEqual([]);
  });

  it('arrives equal when indexes are built one by one and constraints use them', async () => {
    await target.run('drop database traps');
    const { notCarried } = await migrateSchema(
      endpointOf(source, 'traps'),
      endpointOf(target, 'traps'),
      { small: false, twice: true },
    );
    expect(await dumpText(target, 'traps')).toBe(await dumpText(source, 'traps'));
    expect(notCarried).toEqual([]);
  });
});
