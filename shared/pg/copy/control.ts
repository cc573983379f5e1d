import { MigrationError } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import { inTransaction } from '../transaction.ts';

/*
 * The schema `pgmove` on the target database: state that has to agree with the data exactly once,
 * because it is written in the transaction that holds the data.
 *
 * pgmove.migration  one row: which migration fills this database. Nothing is truncated without it.
 * pgmove.copies     a table's copy (part 0) and its parts (1…). A transaction that writes rows into
 *                   a table first locks its row here and checks the generation.
 * pgmove.steps      steps of the migration that are done, by generation.
 *
 * Online only:
 *
 * pgmove.progress   one row: how far the stream is applied, written in the transaction that applied it.
 * pgmove.tables     the planned tables, by name, which is what the stream knows them by.
 * pgmove.held       changes of tables that are being copied.
 */

export interface ControlMarker {
  migrationId: string;
  database: string;
}

/** State of a row of pgmove.copies. */
export type CopyState =
  // Written with the plan of a table that is copied in parts; no rows yet.
  | 'pending'
  // Online only: the activity asks the replicator to hold the table's changes.
  | 'starting'
  // Online only: the replicator holds them; a snapshot may be taken.
  | 'copying'
  // Part 0 of a table whose parts have rows of their own.
  | 'parted'
  // The rows are in, in this very transaction.
  | 'done'
  // Online only: indexes are there, the held changes may be applied.
  | 'indexed'
  // Online only: no change is held any more, the stream applies to the table.
  | 'ready';

export interface CopyRecord {
  oid: number;
  part: number;
  partCount: number;
  generation: number;
  snapshot: string;
  state: CopyState;
  rows: number;
  bytes: number;
  copyMs: number;
}

const CONTROL_DDL = `
create schema if not exists pgmove;
create table if not exists pgmove.migration (
  only_row boolean primary key default true check (only_row),
  migration_id text not null,
  database text not null,
  created_at timestamptz not null default pg_catalog.now()
);
create table if not exists pgmove.copies (
  table_id oid not null,
  part integer not null,
  part_count integer not null default 0,
  generation bigint not null,
  snapshot text not null,
  state text not null
    check (state in ('pending', 'starting', 'copying', 'parted', 'done', 'indexed', 'ready')),
  lsn pg_lsn,
  export text,
  filled boolean not null default false,
  rows bigint not null default 0,
  bytes bigint not null default 0,
  copy_ms bigint not null default 0,
  finished_at timestamptz,
  primary key (table_id, part)
);
create table if not exists pgmove.steps (
  step text not null,
  generation bigint not null,
  detail text,
  done_at timestamptz not null default pg_catalog.now(),
  primary key (step, generation)
);
create table if not exists pgmove.progress (
  only_row boolean primary key default true check (only_row),
  generation bigint not null,
  slot text not null,
  slot_snapshot text not null,
  consistent_point pg_lsn not null,
  system_identifier text not null,
  timeline integer not null,
  lsn pg_lsn not null,
  epoch bigint not null default 0,
  unconfirmed bigint[] not null default '{}',
  read_back_lsn pg_lsn
);
create table if not exists pgmove.tables (
  table_id oid primary key,
  schema_name text not null,
  table_name text not null,
  unique (schema_name, table_name)
);
create table if not exists pgmove.held (
  table_id oid not null,
  lsn pg_lsn not null,
  seq bigint not null,
  xid bigint not null,
  change text not null,
  primary key (table_id, lsn, seq)
);
`;

/** Key of the advisory lock under which the schema is created: "pgmove" in ASCII. */
const CREATION_LOCK = 0x70676d6f7665;

/**
 * Creates the schema and marks the database as the migration's. Idempotent, also twice at once.
 *
 * @throws MigrationError targetOccupied when the database is marked for another migration.
 */
export async function createControlSchema(
  session: PgSession,
  marker: ControlMarker,
): Promise<void> {
  await inTransaction(session, async () => {
    await session.query('select pg_catalog.pg_advisory_xact_lock($1)', [CREATION_LOCK]);
    const existing = await readControl(session);
    if (existing === undefined) {
      // `if not exists` says so with notices that nobody reads.
      await session.query("set local client_min_messages = 'warning'");
      await session.query(CONTROL_DDL);
      await session.query('insert into pgmove.migration (migration_id, database) values ($1, $2)', [
        marker.migrationId,
        marker.database,
      ]);
      return;
    }
    if (existing.migrationId !== marker.migrationId) {
      throw new MigrationError(
        'targetOccupied',
        `The target database ${marker.database} is being filled by migration ` +
          `${existing.migrationId}. Purge that migration, or drop its schema pgmove, first.`,
      );
    }
  });
}

/** The marker, or undefined when the database has none. */
export async function readControl(session: PgSession): Promise<ControlMarker | undefined> {
  const present = await session.query<{ present: boolean }>(
    "select pg_catalog.to_regclass('pgmove.migration') is not null as present",
  );
  if (!present.rows[0]?.present) return undefined;
  const { rows } = await session.query<ControlMarker>(
    'select migration_id as "migrationId", database from pgmove.migration',
  );
  return rows[0];
}

export async function dropControlSchema(session: PgSession): Promise<void> {
  await session.query("set client_min_messages = 'warning'");
  await session.query('drop schema if exists pgmove cascade');
}

export async function isStepDone(
  session: PgSession,
  step: string,
  generation: number,
): Promise<boolean> {
  const { rowCount } = await session.query(
    'select from pgmove.steps where step = $1 and generation = $2',
    [step, generation],
  );
  return (rowCount ?? 0) > 0;
}

/** Written in the caller's transaction when there is one, so that it holds what it says. */
export async function markStep(
  session: PgSession,
  step: string,
  generation: number,
  detail?: string,
): Promise<void> {
  await session.query(
    `insert into pgmove.steps (step, generation, detail) values ($1, $2, $3)
     on conflict (step, generation) do update
       set detail = excluded.detail, done_at = excluded.done_at`,
    [step, generation, detail ?? null],
  );
}

/** Every row of pgmove.copies, or those of the given tables. */
export async function readCopies(
  session: PgSession,
  oids?: readonly number[],
): Promise<CopyRecord[]> {
  const { rows } = await session.query<Record<keyof CopyRecord, string>>(
    `select table_id as oid, part, part_count as "partCount", generation, snapshot, state,
       rows, bytes, copy_ms as "copyMs"
     from pgmove.copies
     where $1::oid[] is null or table_id = any ($1::oid[])
     order by table_id, part`,
    [oids ?? null],
  );
  return rows.map(copyRecord);
}

/** int8 comes as text; row and byte counts fit a double exactly. */
export function copyRecord(row: Record<keyof CopyRecord, string>): CopyRecord {
  return {
    oid: Number(row.oid),
    part: Number(row.part),
    partCount: Number(row.partCount),
    generation: Number(row.generation),
    snapshot: row.snapshot,
    state: row.state as CopyState,
    rows: Number(row.rows),
    bytes: Number(row.bytes),
    copyMs: Number(row.copyMs),
  };
}
