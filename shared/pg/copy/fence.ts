import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import { inTransaction } from '../transaction.ts';
import { tableLabel } from './batch.ts';
import type { CopyItem } from './batch.ts';
import { copyRecord, readControl } from './control.ts';
import type { CopyRecord } from './control.ts';
import type { CopyResult } from './pipe.ts';
import { clearTables, firstObstacles } from './targetTables.ts';
import type { TableObstacle } from './targetTables.ts';

/*
 * Fences in pgmove.copies. A transaction that writes rows into a table locks the table's row there
 * first and holds it to its end: of two runs of the same work the second one waits and finds it
 * done, and a run of an older generation finds that it is out of date.
 *
 * Invariant: a table has rows of ours exactly when a row here says `done` (or `ready`).
 */

/** The snapshot that a copy reads under. */
export interface CopyEpoch {
  generation: number;
  snapshot: string;
}

export interface FencedItem {
  item: CopyItem;
  /** An earlier run of this generation did it. */
  done?: CopyRecord;
  /** An older generation left rows in the table. */
  hasOldRows: boolean;
}

const RECORD_COLUMNS = `table_id as oid, part, part_count as "partCount", generation, snapshot, state,
  rows, bytes, copy_ms as "copyMs"`;

/**
 * Refuses a database that is not marked as the migration's: nothing in it is ours to truncate.
 *
 * @throws MigrationError fenced.
 */
export async function requireMarker(
  session: PgSession,
  database: string,
  migrationId: string | undefined,
): Promise<void> {
  const marker = await readControl(session);
  if (marker === undefined) {
    throw new MigrationError(
      'fenced',
      `The target database ${database} is not marked for a migration (it has no pgmove.migration).`,
    );
  }
  if (migrationId !== undefined && marker.migrationId !== migrationId) {
    throw new MigrationError(
      'fenced',
      `The target database ${database} belongs to migration ${marker.migrationId}.`,
    );
  }
}

/**
 * Locks the rows of whole tables, inside the caller's transaction, in the order of their oids so
 * that two batches cannot deadlock.
 *
 * @throws MigrationError fenced when a newer generation, or another snapshot of this one, was here.
 */
export async function fenceTables(
  session: PgSession,
  items: readonly CopyItem[],
  epoch: CopyEpoch,
): Promise<FencedItem[]> {
  const oids = items.map(({ oid }) => oid).toSorted((a, b) => a - b);
  // Two runs at once: the second insert waits for the first one's transaction.
  await session.query(
    `insert into pgmove.copies (table_id, part, generation, snapshot, state)
     select oid, 0, $2, $3, 'pending' from unnest($1::oid[]) oid
     on conflict do nothing`,
    [oids, epoch.generation, epoch.snapshot],
  );
  const { rows } = await session.query<Record<keyof CopyRecord, string>>(
    `select ${RECORD_COLUMNS} from pgmove.copies
     where table_id = any ($1::oid[]) and part = 0
     order by table_id for update`,
    [oids],
  );
  const parts = await session.query<{ oid: string }>(
    `select table_id as oid from pgmove.copies
     where table_id = any ($1::oid[]) and part > 0 and state in ('done', 'ready')`,
    [oids],
  );
  const partly = new Set(parts.rows.map(({ oid }) => Number(oid)));
  const records = new Map(rows.map((row) => [Number(row.oid), copyRecord(row)]));
  return items.map((item) => {
    const record = records.get(item.oid);
    if (record === undefined) throw outOfDate(item, epoch);
    refuseOtherEpoch(item, record, epoch);
    const holdsRows = record.state === 'done' || record.state === 'ready';
    if (record.generation === epoch.generation) {
      if (record.state === 'parted') throw outOfDate(item, epoch);
      return holdsRows ? { item, done: record, hasOldRows: false } : { item, hasOldRows: false };
    }
    return { item, hasOldRows: holdsRows || partly.has(item.oid) };
  });
}

/** Writes what was copied; the caller's transaction holds the rows. */
export async function recordCopies(
  session: PgSession,
  copies: readonly { item: CopyItem; result: CopyResult }[],
  epoch: CopyEpoch,
): Promise<void> {
  await session.query(
    `update pgmove.copies c
     set generation = $6, snapshot = $7, state = 'done', rows = n.rows, bytes = n.bytes,
       copy_ms = n.ms, finished_at = pg_catalog.clock_timestamp(),
       part_count = case when c.part = 0 then 0 else c.part_count end
     from unnest($1::oid[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[])
       n (oid, part, rows, bytes, ms)
     where c.table_id = n.oid and c.part = n.part`,
    [
      copies.map(({ item }) => item.oid),
      copies.map(({ item }) => item.part?.index ?? 0),
      copies.map(({ result }) => result.rows),
      copies.map(({ result }) => result.bytes),
      copies.map(({ result }) => Math.round(result.ms)),
      epoch.generation,
      epoch.snapshot,
    ],
  );
  const whole = copies.filter(({ item }) => item.part === undefined).map(({ item }) => item.oid);
  // Parts that an older generation planned are void: the table has just been copied as a whole.
  await session.query(
    'delete from pgmove.copies where table_id = any ($1::oid[]) and part > 0 and generation < $2',
    [whole, epoch.generation],
  );
}

/** Writes that a part is in; the caller's transaction holds its rows and its fence. */
export async function recordPart(
  session: PgSession,
  item: CopyItem,
  { rows, bytes, ms }: CopyResult,
): Promise<void> {
  await session.query(
    `update pgmove.copies set state = 'done', rows = $3, bytes = $4, copy_ms = $5,
       finished_at = pg_catalog.clock_timestamp()
     where table_id = $1 and part = $2`,
    [item.oid, item.part?.index ?? 0, rows, bytes, Math.round(ms)],
  );
}

/**
 * Makes a table ready for its parts: once per generation it is emptied, in the transaction that
 * writes the parts' rows. Idempotent, also when all parts come at once.
 *
 * @returns what is in the way, when something is.
 */
export async function preparePartedTable(
  session: PgSession,
  item: CopyItem,
  epoch: CopyEpoch,
): Promise<TableObstacle | undefined> {
  const partCount = item.part?.count ?? 0;
  return await inTransaction(session, async () => {
    await session.query(
      `insert into pgmove.copies (table_id, part, generation, snapshot, state)
       values ($1, 0, $2, $3, 'pending') on conflict do nothing`,
      [item.oid, epoch.generation, epoch.snapshot],
    );
    const { rows } = await session.query<Record<keyof CopyRecord, string>>(
      `select ${RECORD_COLUMNS} from pgmove.copies where table_id = $1 and part = 0 for update`,
      [item.oid],
    );
    const head = rows[0] && copyRecord(rows[0]);
    if (head === undefined) throw outOfDate(item, epoch);
    refuseOtherEpoch(item, head, epoch);
    if (head.generation === epoch.generation && head.state === 'parted') {
      if (head.partCount !== partCount) throw outOfDate(item, epoch);
      return undefined;
    }
    if (head.generation === epoch.generation && head.state === 'done') throw outOfDate(item, epoch);
    const parts = await session.query(
      "select from pgmove.copies where table_id = $1 and part > 0 and state in ('done', 'ready')",
      [item.oid],
    );
    const hasOldRows = head.state === 'done' || head.state === 'ready' || (parts.rowCount ?? 0) > 0;
    const fenced: FencedItem = { item, hasOldRows };
    const obstacle = (await firstObstacles(session, [fenced])).get(item.oid);
    if (obstacle) return obstacle;
    await clearTables(session, hasOldRows ? [item] : []);
    await session.query('delete from pgmove.copies where table_id = $1 and part > 0', [item.oid]);
    await session.query(
      `insert into pgmove.copies (table_id, part, part_count, generation, snapshot, state)
       select $1, part, $2, $3, $4, 'pending' from pg_catalog.generate_series(1, $2::int) part`,
      [item.oid, partCount, epoch.generation, epoch.snapshot],
    );
    await session.query(
      `update pgmove.copies set state = 'parted', part_count = $2, generation = $3, snapshot = $4,
         rows = 0, bytes = 0, copy_ms = 0, finished_at = null
       where table_id = $1 and part = 0`,
      [item.oid, partCount, epoch.generation, epoch.snapshot],
    );
    return undefined;
  });
}

/** Locks a part's row, inside the caller's transaction; returns the record when it is done. */
export async function fencePart(
  session: PgSession,
  item: CopyItem,
  epoch: CopyEpoch,
): Promise<CopyRecord | undefined> {
  // Shared: the parts run beside each other, a newer generation's plan waits for all of them.
  await session.query('select from pgmove.copies where table_id = $1 and part = 0 for share', [
    item.oid,
  ]);
  const { rows } = await session.query<Record<keyof CopyRecord, string>>(
    `select ${RECORD_COLUMNS} from pgmove.copies where table_id = $1 and part = $2 for update`,
    [item.oid, item.part?.index ?? 0],
  );
  const record = rows[0] && copyRecord(rows[0]);
  if (
    record === undefined ||
    record.generation !== epoch.generation ||
    record.snapshot !== epoch.snapshot ||
    record.partCount !== item.part?.count
  ) {
    throw outOfDate(item, epoch);
  }
  return record.state === 'done' || record.state === 'ready' ? record : undefined;
}

function refuseOtherEpoch(item: CopyItem, record: CopyRecord, epoch: CopyEpoch): void {
  const isNewer = record.generation > epoch.generation;
  const isMixed = record.generation === epoch.generation && record.snapshot !== epoch.snapshot;
  if (isNewer || isMixed) throw outOfDate(item, epoch);
}

function outOfDate(item: CopyItem, epoch: CopyEpoch): MigrationError {
  return new MigrationError(
    'fenced',
    `The copy of table ${tableLabel(item)} under snapshot ${epoch.snapshot} (generation ` +
      `${epoch.generation}) is out of date: another one has taken its place.`,
  );
}
