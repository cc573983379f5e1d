import pg from 'pg';

/** A column as the catalog of one side has it; a domain is already replaced by its base type. */
export interface ContentColumn {
  name: string;
  /** The type's name as format_type gives it, for messages and casts. */
  type: string;
  /** The name in pg_type of a type in pg_catalog, undefined for every other type. */
  builtin: string | undefined;
  /** Whether the declared type is a domain, so that a cast to the base type is needed. */
  isDomain: boolean;
}

/**
 * Types whose binary form (their send function) is exact and the same in all versions. Left out on
 * purpose: reg* (their binary form is an OID, their text a name), xml (the binary form adds a
 * declaration) and whatever is new. A value of any other type enters by its text.
 */
const SENT = new Set(
  (
    'bool bytea char name int8 int2 int4 text oid tid xid cid json money bpchar varchar date time ' +
    'timestamp timestamptz interval timetz bit varbit numeric uuid inet cidr macaddr macaddr8 ' +
    'pg_lsn jsonb tsvector tsquery txid_snapshot int4range int8range numrange tsrange tstzrange ' +
    'daterange int4multirange int8multirange nummultirange tsmultirange tstzmultirange ' +
    'datemultirange float4 float8'
  ).split(' '),
);

/**
 * Their text is exact in one version, but 12 changed it; their binary form keeps the bits of every
 * NaN, which text does not. So: text between equals, the binary form across 12.
 */
const FLOAT_LIKE = new Set(
  'point lseg path box polygon line circle _float4 _float8 _point _box _circle _polygon _path _line _lseg'.split(
    ' ',
  ),
);

/** An expression that stands for the column in a row's canonical form. */
export function columnForm(
  source: ContentColumn,
  target: ContentColumn,
  crossesFloatText: boolean,
): string {
  const name = pg.escapeIdentifier(source.name);
  const { builtin } = source;
  if (builtin === undefined || builtin !== target.builtin) return textForm(name);
  const value =
    source.isDomain || target.isDomain
      ? `${name}::pg_catalog.${pg.escapeIdentifier(builtin)}`
      : name;
  if (builtin === 'float4' || builtin === 'float8') {
    // A NaN has many bit patterns and one meaning; -0 has a sign that must not be lost.
    const nan = `'NaN'::pg_catalog.${builtin}`;
    return `case when ${value} = ${nan} then ${nan} else ${value} end`;
  }
  if (SENT.has(builtin)) return value;
  if (builtin.startsWith('_') && SENT.has(builtin.slice(1)) && !FLOAT_LIKE.has(builtin)) {
    return value;
  }
  if (FLOAT_LIKE.has(builtin) && crossesFloatText) return value;
  return textForm(name);
}

/**
 * The type's own output function, never a cast that somebody may have defined; `%L` tells NULL from
 * the text 'NULL' also for composite values, of which `is null` has another meaning.
 */
function textForm(name: string): string {
  return `pg_catalog.format('%L', ${name})`;
}
