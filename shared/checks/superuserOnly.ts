import type { PgSession } from '../pg/connect.ts';
import type { DatabaseRule, DatabaseRuleContext, Finding } from './rule.ts';
import { someNames } from './rule.ts';

/** One object that a rule is about, and the statement that takes it out of the way. */
interface NamedObject {
  /** As people read it: `public.t`, `(text AS integer)`. */
  name: string;
  /** Run as it is on the source. */
  statement: string;
}

/** What only a superuser may create: nothing to say where the target's user is one. */
export function superuserOnly(
  rule: Omit<DatabaseRule, 'check' | 'type'> & {
    /** Gives `name` and `statement` of each object, in order. */
    sql: () => string;
    message: (names: string) => string;
  },
): DatabaseRule {
  const { sql, message, ...facts } = rule;
  return {
    ...facts,
    type: 'SchemaValidation',
    async check({ source, target }: DatabaseRuleContext): Promise<Finding[]> {
      const { rows } = await source.query<NamedObject & { [column: string]: unknown }>(sql());
      if (rows.length === 0 || (await isSuperuser(target))) return [];
      return [
        {
          message: message(someNames(rows.map(({ name }) => name))),
          sql: { on: 'source', statements: rows.map(({ statement }) => statement) },
        },
      ];
    },
  };
}

export async function isSuperuser(session: PgSession): Promise<boolean> {
  const { rows } = await session.query<{ is: boolean }>(
    'select rolsuper as is from pg_catalog.pg_roles where rolname = current_user',
  );
  return rows[0]?.is === true;
}

/** Condition: the object of this catalog and oid belongs to no extension. */
export function notOfExtension(catalog: string, oid: string): string {
  return `not exists (
    select from pg_catalog.pg_depend x
    where x.classid = 'pg_catalog.${catalog}'::pg_catalog.regclass and x.objid = ${oid}
      and x.deptype = 'e')`;
}

/** Condition: a schema of the user's. */
export function userSchema(name: string): string {
  return `${name} !~ '^pg_' and ${name} not in ('information_schema', 'pgmove')`;
}
