/** Versions of the side that a query is for and of both sides together. */
export interface SectionContext {
  version: number;
  /** The older of the two: what it does not know is not compared. */
  lowVersion: number;
  /** Whether the two sides are of different major versions. */
  crossesMajor: boolean;
}

/**
 * One kind of object. The query gives one row per object: `object` is its name, by which the sides
 * are paired; `properties` is JSON of what has to be equal; `table_schema` and `table_name` (or
 * nulls) name the table it belongs to, for filters.
 */
export interface Section {
  name: string;
  sql: (context: SectionContext) => string | undefined;
  /** Properties that hold SQL written by the server, which differs in form between versions. */
  definitions?: readonly string[];
  /** Properties whose difference is worth a note and does not make the databases differ. */
  noted?: readonly string[];
}

/** A condition on pg_namespace: schemas of users. */
export function userSchema(namespace: string): string {
  return `${namespace}.nspname <> 'pgmove' and ${namespace}.nspname <> 'information_schema' and ${namespace}.nspname !~ '^pg_'`;
}

/** A condition: the object was not made by an extension. */
export function notOfExtension(catalog: string, oid: string): string {
  return `not exists (select from pg_catalog.pg_depend dep where dep.classid = 'pg_catalog.${catalog}'::pg_catalog.regclass and dep.objid = ${oid} and dep.deptype = 'e')`;
}

/** `properties` from pairs of name and expression; pairs that are false are left out. */
export function properties(...pairs: (readonly [string, string] | false)[]): string {
  const given = pairs.filter((pair) => pair !== false);
  // A function takes no more than 100 arguments; no section comes near.
  return `pg_catalog.jsonb_build_object(${given.map(([name, sql]) => `'${name}', ${sql}`).join(', ')}) as properties`;
}

/** `"schema"."name"` where quotes are needed. */
export function qualified(namespace: string, name: string): string {
  return `pg_catalog.quote_ident(${namespace}) || '.' || pg_catalog.quote_ident(${name})`;
}

export const NO_TABLE = 'null::text as table_schema, null::text as table_name';
