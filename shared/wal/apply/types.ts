import type { PgSession } from '../../pg/connect.ts';

/** How values of one type are sent and compared. */
export interface ApplyType {
  readonly oid: number;
  /** Without a modifier, as SQL under an empty search_path: `bpchar`, `public.mood`. */
  readonly sql: string;
  /**
   * Its array type as SQL; absent for a type that has none (an array itself), and for composite
   * types, which unnest would expand. Values in an array's text go through the type's own input
   * function. A cast from text would not always: it may be a function of its own.
   */
  readonly arraySql: string | undefined;
  /** What separates elements in an array's text: a semicolon for box, else a comma. */
  readonly delimiter: string;
  /** Whether a value's text never needs quotes inside an array's text. */
  readonly isPlain: boolean;
  /** Whether the operator = of pg_catalog compares it, and never finds equal texts unequal. */
  readonly hasEquality: boolean;
  /** Whether equal values have equal texts (not numeric: 1.0 and 1.00). */
  readonly isTextExact: boolean;
  /** Whether it is a domain that refuses nulls. */
  readonly isNotNull: boolean;
}

const BOOL = 16;
const BYTEA = 17;
const CHAR = 18;
const NAME = 19;
const TEXT = 25;
const VARCHAR = 1043;
const BPCHAR = 1042;
const BIT = 1560;
const VARBIT = 1562;
const UUID = 2950;
const PG_LSN = 3220;
const INTEGERS = [20, 21, 23, 26];
const FLOATS_AND_NUMERIC = [700, 701, 1700];
// date, time, timestamp, timestamptz
const DATES = [1082, 1083, 1114, 1184];
// timetz, interval
const FUZZY_TIMES = [1266, 1186];
// inet, cidr, macaddr, macaddr8
const NETWORK = [869, 650, 829, 774];

const PLAIN = new Set([BOOL, UUID, PG_LSN, ...INTEGERS, ...FLOATS_AND_NUMERIC, ...DATES]);

const TEXT_EXACT = new Set(
  [BOOL, BYTEA, CHAR, NAME, TEXT, VARCHAR, BIT, VARBIT, UUID, PG_LSN].concat(
    INTEGERS,
    DATES,
    NETWORK,
  ),
);

const EQUALITY = new Set([...TEXT_EXACT, ...FLOATS_AND_NUMERIC, ...FUZZY_TIMES, BPCHAR]);

/** Types of the messages whose NaN and infinities wal2json before 2.6 writes as null. */
export function isMaybeNotFinite(typeOid: number): boolean {
  return FLOATS_AND_NUMERIC.includes(typeOid);
}

interface TypeRow {
  oid: string;
  base: string;
  name: string;
  array_name: string | null;
  delimiter: string;
  is_enum: boolean;
  is_composite: boolean;
  not_null: boolean;
}

/** The named types of the database, by oid. */
export async function readTypes(
  session: PgSession,
  oids: readonly number[],
): Promise<Map<number, ApplyType>> {
  const { rows } = await session.query<TypeRow>(
    `with recursive domains (oid, base, not_null) as (
       select t.oid, t.oid, false
       from pg_catalog.pg_type t where t.oid = any ($1::oid[])
       union all
       select d.oid, t.typbasetype, d.not_null or t.typnotnull
       from domains d join pg_catalog.pg_type t on t.oid = d.base and t.typtype = 'd')
     select t.oid, b.oid as base, pg_catalog.format_type(t.oid, -1) as name,
       pg_catalog.format_type(nullif(t.typarray, 0), -1) as array_name,
       t.typdelim as delimiter, b.typtype = 'e' as is_enum,
       b.typtype = 'c' as is_composite, d.not_null
     from domains d
     join pg_catalog.pg_type t on t.oid = d.oid
     join pg_catalog.pg_type b on b.oid = d.base and b.typtype <> 'd'`,
    [oids.map(String)],
  );
  return new Map(rows.map((row) => [Number(row.oid), applyType(row)]));
}

function applyType(row: TypeRow): ApplyType {
  const base = Number(row.base);
  return {
    oid: Number(row.oid),
    sql: row.name,
    arraySql: row.is_composite ? undefined : (row.array_name ?? undefined),
    delimiter: row.delimiter,
    isPlain: PLAIN.has(base),
    hasEquality: EQUALITY.has(base) || row.is_enum,
    isTextExact: TEXT_EXACT.has(base) || row.is_enum,
    isNotNull: row.not_null,
  };
}
