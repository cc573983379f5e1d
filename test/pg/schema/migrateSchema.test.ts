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

/** What a user of the target needs to take part: its own databases, and the roles it gives to. */
const MOVER = `
  create role mover login createdb createrole;
  grant trap_owner, trap_reader, "Odd ""Role"", it's" to mover;`;

describe('a whole schema by users who are no superusers, 15 to 15', () => {
  it('arrives equal where the roles are there and the user is their member', async () => {
    await source.createDatabase('plain');
    await source.run(
      `create role seller login; grant pg_read_all_data to seller;
       alter database plain owner to seller; alter database plain set work_mem to '9MB';
       alter database plain set search_path to shop, "$user", "Odd, one";
       alter role trap_reader in database plain set timezone to 'Asia/Tokyo';
       comment on database plain is 'it''s plain';
       revoke connect on database plain from public;
       grant connect, create on database plain to trap_reader with grant option;
       alter database plain connection limit 33`,
    );
    const schema = await trapsSchema({ serverVersion: 150000, superuser: false });
    await source.run(`set session authorization seller; ${schema}`, 'plain');
    await target.run(`${MOVER} create role seller login; grant seller to mover`);
    const { notCarried } = await migrateSchema(
      endpointOf(source, 'plain', 'seller'),
      endpointOf(target, 'plain', 'mover'),
      { twice: true },
    );
    expect(await dumpText(target, 'plain')).toBe(await dumpText(source, 'plain'));
    expect(notCarried).toEqual([]);
  });
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
