import { someNames } from './rule.ts';
import type { Finding, ServerRule } from './rule.ts';
import { targetNames } from './targetNames.ts';

/** What is absent is created, what is to be overwritten dropped and created; the rest is filled. */
export const targetDatabases: ServerRule = {
  id: 'target-databases',
  type: 'AuthenticationAndConnectivityValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603117', '603115'],
  looksAt:
    "Whether the target's user may create the databases that are absent, drop those to be overwritten, and fill the others; a Warning where it may create schemas in them, but does not own them.",
  remedy: "CREATEDB for the target's user, and ownership of the databases that exist.",
  async check(context) {
    const names = targetNames(context).map(({ name }) => name);
    const { target, isOverwriteWanted } = context;
    const { rows } = await target.query<{
      name: string;
      owns: boolean;
      may_fill: boolean;
      statement: string;
    }>(
      `select datname as name, pg_catalog.pg_has_role(datdba, 'usage') as owns,
         pg_catalog.has_database_privilege(datname, 'create') as may_fill,
         pg_catalog.format('alter database %I owner to %I', datname, current_user) as statement
       from pg_catalog.pg_database where datname = any ($1) order by 1`,
      [names],
    );
    const me = await target.query<{ user: string; may_create: boolean }>(
      `select pg_catalog.quote_ident(rolname) as user, rolsuper or rolcreatedb as may_create
       from pg_catalog.pg_roles where rolname = current_user`,
    );
    const { user = '', may_create: mayCreate = false } = me.rows[0] ?? {};
    const there = new Set(rows.map(({ name }) => name));
    const created = names.filter((name) => !there.has(name) || isOverwriteWanted === true);
    const findings: Finding[] = [];
    if (created.length > 0 && !mayCreate) {
      findings.push({
        code: '603115',
        message: `${user} may not create databases on the target, and ${someNames(created)} are to be.`,
        sql: { on: 'target', statements: [`alter role ${user} createdb`] },
      });
    }
    const closed = rows.filter(({ owns, may_fill: mayFill }) =>
      isOverwriteWanted === true ? !owns : !owns || !mayFill,
    );
    if (closed.length > 0) {
      const what = isOverwriteWanted === true ? 'drop' : 'create everything in';
      // CREATE on the database is enough for all that is not in the schema public.
      const isHalf = isOverwriteWanted !== true && closed.every(({ may_fill: mayFill }) => mayFill);
      findings.push({
        ...(isHalf ? { state: 'Warning' } : {}),
        message:
          `${user} does not own ${someNames(closed.map(({ name }) => name))} on the target, and may ` +
          `not ${what} them.`,
        sql: { on: 'target', statements: closed.map(({ statement }) => statement) },
      });
    }
    return findings;
  },
};
