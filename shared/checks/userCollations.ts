import { notOfExtension, userSchema } from './superuserOnly.ts';
import type { DatabaseRule, Finding } from './rule.ts';
import { collationRefusal } from './tryCollation.ts';
import type { CollationDefinition } from './tryCollation.ts';

interface Collation extends CollationDefinition {
  name: string;
}

/** They are migrated; only their locale, or the target's ICU, may be missing. */
export const userCollations: DatabaseRule = {
  id: 'user-collations',
  type: 'CollationsValidation',
  severity: { offline: 'Failed', online: 'Failed' },
  codes: ['603403'],
  looksAt:
    "User-defined collations that the target's server cannot create (tried in a transaction that is rolled back).",
  remedy: 'Install the locale on the target (or a server with ICU), or drop the collation.',
  needs: 'TEMPORARY on the target database postgres, to try them',
  async check({ source, target }) {
    const { rows } = await source.query<Collation>(
      `select pg_catalog.format('%I.%I', n.nspname, l.collname) as name,
         coalesce(j ->> 'collprovider', 'c') as provider, l.collcollate as collate,
         l.collctype as ctype, coalesce(j ->> 'colllocale', j ->> 'colliculocale') as locale,
         (j ->> 'collisdeterministic')::boolean as "isDeterministic"
       from pg_catalog.pg_collation l
       join pg_catalog.pg_namespace n on n.oid = l.collnamespace
       cross join lateral (select pg_catalog.to_jsonb(l) as j) x
       where ${userSchema('n.nspname')} and ${notOfExtension('pg_collation', 'l.oid')} order by 1`,
    );
    const encoding = "select pg_catalog.current_setting('server_encoding') as name";
    const [here, there] = [
      await source.query<{ name: string }>(encoding),
      await target.query<{ name: string }>(encoding),
    ];
    // A locale of another encoding than the session's is refused though it be there.
    const isTold = here.rows[0]?.name === there.rows[0]?.name;
    const findings: Finding[] = [];
    for (const collation of rows) {
      const refused = await collationRefusal(target, collation);
      if (refused === undefined) continue;
      findings.push({
        ...(isTold ? {} : { state: 'Warning' }),
        message: `The target cannot create the collation ${collation.name}: ${refused}.`,
        steps:
          'Install what it needs there, or give the columns that use it another one and drop it.',
        sql: { on: 'source', statements: [`drop collation ${collation.name}`] },
      });
    }
    return findings;
  },
};
