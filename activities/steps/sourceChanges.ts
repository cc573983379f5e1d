import type { SourceChange } from '../../shared/contracts/records.ts';
import { fence, readFenceBefore, unfence } from '../../shared/pg/source/fence.ts';
import type { FenceChange, FenceReport } from '../../shared/pg/source/fence.ts';
import {
  identityChanges,
  restoreIdentities,
  setFull,
} from '../../shared/pg/source/replicaIdentity.ts';
import type { IdentityChange, IdentityProblem } from '../../shared/pg/source/replicaIdentity.ts';
import type { ActivityEnvironment } from './defineActivity.ts';

/*
 * Whatever is changed on the source is written into the database's row before, with what was there,
 * and taken out of it when it is put back: a crash in between leaves a note too many, never a change
 * without a note.
 */

async function notedChanges(env: ActivityEnvironment, database: string): Promise<SourceChange[]> {
  const row = await env.stores.databases.get(env.record.ref.id, database);
  return row?.sourceChanges ?? [];
}

async function note(
  env: ActivityEnvironment,
  database: string,
  change: (noted: readonly SourceChange[]) => SourceChange[],
): Promise<void> {
  await env.stores.databases.update(env.record.ref.id, database, (row) => {
    const sourceChanges = change(row.sourceChanges ?? []);
    return { record: { ...row, sourceChanges } };
  });
}

/** Sets REPLICA IDENTITY FULL. A table that is noted already keeps its first note. */
export async function setIdentitiesFull(
  env: ActivityEnvironment,
  database: string,
  problems: readonly IdentityProblem[],
): Promise<void> {
  if (problems.length === 0) return;
  await note(env, database, (noted) => {
    const known = new Set(noted.filter(isIdentity).map(tableOf));
    const added = identityChanges(problems).filter((item) => !known.has(tableOf(item)));
    return [...noted, ...added];
  });
  await using session = await env.openSourceToChange(database);
  await setFull(session, problems, { signal: env.signal });
}

/**
 * Closes the source's database to everybody but the migration. A fence that is noted already is
 * made again with the note of what was there before the first.
 *
 * @throws MigrationError permissionDenied or lockTimeout; the note then stays for restoreSource.
 */
export async function fenceSource(
  env: ActivityEnvironment,
  database: string,
): Promise<FenceReport> {
  await using session = await env.openSourceToChange(database);
  if (!(await notedChanges(env, database)).some(isFence)) {
    const before = await readFenceBefore(session, new Date().toISOString());
    await note(env, database, (noted) => (noted.some(isFence) ? [...noted] : [...noted, before]));
  }
  return await fence(session, { signal: env.signal });
}

/** Undoes the fence alone: a cutover that failed goes back to replicating. Idempotent. */
export async function unfenceSource(env: ActivityEnvironment, database: string): Promise<string[]> {
  const noted = (await notedChanges(env, database)).filter(isFence);
  if (noted.length === 0) return [];
  await using session = await env.openSourceToChange(database);
  const unrestored: string[] = [];
  for (const change of noted) unrestored.push(...(await unfence(session, change)));
  await note(env, database, (changes) => changes.filter((change) => !isFence(change)));
  return unrestored;
}

/** Puts every noted replica identity back. Idempotent. */
export async function restoreNotedIdentities(
  env: ActivityEnvironment,
  database: string,
): Promise<string[]> {
  const noted = (await notedChanges(env, database)).filter(isIdentity);
  if (noted.length === 0) return [];
  await using session = await env.openSourceToChange(database);
  const unrestored = await restoreIdentities(session, noted, { signal: env.signal });
  await note(env, database, (changes) => changes.filter((change) => !isIdentity(change)));
  return unrestored;
}

function isFence(change: SourceChange): change is FenceChange {
  return change.kind === 'fence';
}

function isIdentity(change: SourceChange): change is IdentityChange {
  return change.kind === 'replicaIdentity';
}

function tableOf({ schema, table }: IdentityChange): string {
  return JSON.stringify([schema, table]);
}
