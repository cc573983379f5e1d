import { pipeline } from 'node:stream/promises';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { wrapError } from '../../errors/classify.ts';
import type { PgSession } from '../connect.ts';
import { inTransaction } from '../transaction.ts';
import { isDoneByOther } from './slices.ts';

export interface LargeObjectOptions {
  generation: number;
  signal?: AbortSignal;
  onProgress?: (done: { objects: number; bytes: number }) => void;
}

interface LargeObject {
  oid: number;
  size: number;
}

/** One transaction on the target: many small objects, or one large one. */
interface Group {
  objects: LargeObject[];
  bytes: number;
}

const CHUNK_BYTES = 1024 * 1024;
const GROUP_BYTES = 32 * 1024 * 1024;
const GROUP_OBJECTS = 2000;

/**
 * Copies every large object that the source session's transaction sees, under its own oid. The
 * bytes go from server to server as binary COPY, a chunk per row, and never through values of Node.
 *
 * Idempotent: a group of objects is one transaction that unlinks, creates and fills them and holds
 * its marker in pgmove.steps; what is there already under a marker is left alone. Large objects of
 * the target that the source has not are leftovers of an earlier generation and are unlinked.
 */
export async function copyLargeObjects(
  source: PgSession,
  target: PgSession,
  options: LargeObjectOptions,
): Promise<{ objects: number; bytes: number }> {
  const total = { objects: 0, bytes: 0 };
  const objects = await readSizes(source);
  await unlinkOthers(target, objects);
  const done = await groupsDone(target, options.generation);
  for (const group of cutGroups(objects)) {
    options.signal?.throwIfAborted();
    const step = stepOf(group);
    if (!done.has(step)) {
      await copyGroup(source, target, group, step, options).catch((error: unknown) => {
        if (!isDoneByOther(error)) {
          throw wrapError(error, `Large objects could not be copied (${describe(group)})`);
        }
      });
    }
    total.objects += group.objects.length;
    total.bytes += group.bytes;
    options.onProgress?.({ ...total });
  }
  return total;
}

/** Seeking to the end asks for the right to read, and its error names the object. */
async function readSizes(source: PgSession): Promise<LargeObject[]> {
  const { rows } = await source
    .query<{ oid: number; size: string }>(
      `select oid, pg_catalog.lo_lseek64(fd, 0, 2) as size, pg_catalog.lo_close(fd)
       from (
         select oid, pg_catalog.lo_open(oid, 262144) as fd
         from (select oid from pg_catalog.pg_largeobject_metadata order by oid offset 0) as listed
         offset 0
       ) as opened`,
    )
    .catch((error: unknown) => {
      throw wrapError(
        error,
        'A large object of the source cannot be read; its user needs SELECT on every large object',
      );
    });
  return rows.map((row) => ({ oid: row.oid, size: Number(row.size) }));
}

async function unlinkOthers(target: PgSession, objects: readonly LargeObject[]): Promise<void> {
  await target.query(
    `select pg_catalog.count(pg_catalog.lo_unlink(m.oid))
     from pg_catalog.pg_largeobject_metadata m where m.oid <> all ($1::oid[])`,
    [objects.map((object) => object.oid)],
  );
}

/** The next copy compares every object anew. */
export async function forgetLargeObjects(target: PgSession): Promise<void> {
  await target.query("delete from pgmove.steps where pg_catalog.left(step, 13) = 'largeObjects/'");
}

async function groupsDone(target: PgSession, generation: number): Promise<Set<string>> {
  const { rows } = await target.query<{ step: string }>(
    `select step from pgmove.steps
     where generation = $1 and pg_catalog.left(step, 13) = 'largeObjects/'`,
    [generation],
  );
  return new Set(rows.map((row) => row.step));
}

/** Under one snapshot the sizes, and with them the groups, are always the same. */
function cutGroups(objects: readonly LargeObject[]): Group[] {
  const groups: Group[] = [];
  for (const object of objects) {
    const last = groups.at(-1);
    if (
      last === undefined ||
      last.objects.length >= GROUP_OBJECTS ||
      last.bytes + object.size > GROUP_BYTES
    ) {
      groups.push({ objects: [object], bytes: object.size });
    } else {
      last.objects.push(object);
      last.bytes += object.size;
    }
  }
  return groups;
}

function stepOf(group: Group): string {
  return `largeObjects/${group.objects[0]?.oid}-${group.objects.at(-1)?.oid}`;
}

function describe(group: Group): string {
  return `${group.objects[0]?.oid} to ${group.objects.at(-1)?.oid}`;
}

async function copyGroup(
  source: PgSession,
  target: PgSession,
  group: Group,
  step: string,
  options: LargeObjectOptions,
): Promise<void> {
  const oids = group.objects.map((object) => object.oid);
  await inTransaction(target, async () => {
    await target.query('insert into pgmove.steps (step, generation) values ($1, $2)', [
      step,
      options.generation,
    ]);
    await target.query(
      `select pg_catalog.count(pg_catalog.lo_unlink(m.oid))
       from pg_catalog.pg_largeobject_metadata m where m.oid = any ($1::oid[])`,
      [oids],
    );
    await target.query(
      'select pg_catalog.count(pg_catalog.lo_create(o)) from unnest($1::oid[]) as o',
      [oids],
    );
    await target.query(
      'create temporary table pgmove_chunk (id oid, at int8, data bytea) on commit drop',
    );
    await target.query('alter table pg_temp.pgmove_chunk alter data set storage external');
    for (const ranges of chunkRanges(group)) {
      options.signal?.throwIfAborted();
      await copyChunks(source, target, ranges, options.signal);
      await target.query(
        'select pg_catalog.count(pg_catalog.lo_put(id, at, data)) from pg_temp.pgmove_chunk',
      );
      await target.query('truncate pg_temp.pgmove_chunk');
    }
  });
}

interface ChunkRange {
  oid: number;
  first: number;
  last: number;
}

/** Ranges of chunks whose bytes together stay below the bound of a group. */
function* chunkRanges(group: Group): Generator<ChunkRange[]> {
  const small = group.objects.filter((object) => object.size > 0 && object.size <= GROUP_BYTES);
  if (small.length > 0) {
    yield small.map(({ oid, size }) => ({ oid, first: 0, last: size - 1 }));
  }
  for (const { oid, size } of group.objects) {
    if (size <= GROUP_BYTES) continue;
    for (let first = 0; first < size; first += GROUP_BYTES) {
      yield [{ oid, first, last: Math.min(first + GROUP_BYTES, size) - 1 }];
    }
  }
}

async function copyChunks(
  source: PgSession,
  target: PgSession,
  ranges: readonly ChunkRange[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const values = ranges.map(
    ({ oid, first, last }) => `(${oid}::oid, ${first}::int8, ${last}::int8)`,
  );
  const read = source.client.query(
    copyTo(
      `copy (select r.id, g.at, pg_catalog.lo_get(r.id, g.at, ${CHUNK_BYTES})
         from (values ${values.join(', ')}) as r (id, first, last),
           lateral pg_catalog.generate_series(r.first, r.last, ${CHUNK_BYTES}) as g (at)
       ) to stdout (format binary)`,
    ),
  );
  const write = target.client.query(
    copyFrom('copy pg_temp.pgmove_chunk (id, at, data) from stdin (format binary)'),
  );
  await pipeline(read, write, signal ? { signal } : {});
}
