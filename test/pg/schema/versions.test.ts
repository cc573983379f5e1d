import { describe, expect, it } from 'vitest';
import { embeddedBinaries } from '../../../scripts/postgres/serverBinaries.ts';
import type { EmbeddedMajor } from '../../../scripts/postgres/serverBinaries.ts';
import { startThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { trapsRoles, trapsSchema } from '../../fixtures/trapsSchema.ts';
import { dumpText, endpointOf, migrateSchema, open } from './migrateSchema.ts';

async function cluster(major: EmbeddedMajor | 15) {
  return startThrowawayCluster(major === 15 ? {} : { binaries: await embeddedBinaries(major) });
}

/** What older servers spell otherwise. */
async function olderText(each: ThrowawayCluster): Promise<string> {
  return (await dumpText(each, 'traps'))
    .replaceAll(' EXECUTE PROCEDURE ', ' EXECUTE FUNCTION ')
    .replaceAll(/^SET default_table_access_method = heap;\n\n/gm, '')
    .replaceAll(/^ +multirange_type_name = .*\n/gm, '');
}

// 17 brought the right MAINTAIN, which ALL has there.
const NAMESPACES = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`;

const CATALOG_QUERIES: Readonly<Record<string, string>> = {
  relations: `select concat_ws(' ', n.nspname, c.relname, c.relkind, c.relpersistence, c.relreplident,
      c.relrowsecurity, c.relforcerowsecurity, c.relispopulated, c.reloptions, replace(c.relacl::text, 'Dxtm', 'Dxt'),
      pg_get_userbyid(c.relowner), pg_get_expr(c.relpartbound, c.oid), obj_description(c.oid, 'pg_class')) as line
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where ${NAMESPACES} order by 1`,
  columns: `select concat_ws(' ', n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
      a.attnotnull, a.attidentity, a.attgenerated, a.attislocal, a.attinhcount, a.attstorage, a.attacl,
      a.attoptions, nullif(a.attstattarget, -1), pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)) as line
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where ${NAMESPACES} and a.attnum > 0 and not a.attisdropped order by 1`,
  constraints: `select concat_ws(' ', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid), k.convalidated,
      k.coninhcount > 0, obj_description(k.oid, 'pg_constraint')) as line
    from pg_constraint k join pg_namespace n on n.oid = k.connamespace
    where ${NAMESPACES} and k.contype <> 'n' and not (k.contype = 'f' and k.conparentid <> 0) order by 1`,
  indexes: `select concat_ws(' ', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered,
      i.indisreplident, i.indimmediate, h.inhparent::regclass) as line
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
      left join pg_inherits h on h.inhrelid = i.indexrelid
    where ${NAMESPACES} order by 1`,
  triggers: `select concat_ws(' ', t.tgrelid::regclass, pg_get_triggerdef(t.oid), t.tgenabled) as line
    from pg_trigger t where not t.tgisinternal order by 1`,
  functions: `select concat_ws(' ', pg_get_userbyid(p.proowner), p.proacl,
      case when p.prokind in ('f', 'p') then pg_get_functiondef(p.oid) end) as line
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${NAMESPACES}
      and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e') order by 1`,
  policies: `select concat_ws(' ', p::text) as line from pg_policies p order by 1`,
  rules: `select concat_ws(' ', tablename, rulename, regexp_replace(definition, '\\s+', ' ', 'g')) as line
    from pg_rules where rulename <> '_RETURN' and schemaname = 'shop' order by 1`,
  publications: `select concat_ws(' ', pubname, schemaname, tablename, attnames, rowfilter) as line
    from pg_publication_tables where tablename !~ 'generated' order by 1`,
  defaultPrivileges: `select concat_ws(' ', pg_get_userbyid(defaclrole), defaclnamespace::regnamespace,
      defaclobjtype, defaclacl) as line from pg_default_acl order by 1`,
  eventTriggers: `select concat_ws(' ', evtname, evtevent, evtenabled, evttags,
      obj_description(oid, 'pg_event_trigger')) as line from pg_event_trigger order by 1`,
};

describe('a whole schema between versions', () => {
  it.each([10, 12] as const)('arrives equal from %i to 15', async (major) => {
    await using source = await cluster(major);
    await using target = await cluster(15);
    for (const each of [source, target]) await each.run(await trapsRoles());
    await source.createDatabase('traps');
    await source.run(await trapsSchema({ serverVersion: major * 10_000 }), 'traps');
    const { notCarried } = await migrateSchema(
      endpointOf(source, 'traps'),
      endpointOf(target, 'traps'),
      { twice: true, small: false },
    );
    expect(notCarried).toEqual([]);
    expect(await olderText(target)).toBe(await olderText(source));
  });

  it('arrives equal from 15 to 18', async () => {
    await using source = await cluster(15);
    await using target = await cluster(18);
    for (const each of [source, target]) await each.run(await trapsRoles());
    await source.createDatabase('traps');
    await source.run(await trapsSchema({ serverVersion: 150000 }), 'traps');
    const { notCarried } = await migrateSchema(
      endpointOf(source, 'traps'),
      endpointOf(target, 'traps'),
      { twice: true, small: false },
    );
    expect(notCarried).toEqual([]);
    // pg_dump 15 does not read a server of 18: the catalogs are compared instead.
    for (const [what, sql] of Object.entries(CATALOG_QUERIES)) {
      const [left, right] = await Promise.all(
        [source, target].map(async (each) => {
          await using session = await open(endpointOf(each, 'traps'));
          return (await session.query<{ line: string }>(sql)).rows.map((row) => row.line);
        }),
      );
      expect(left?.length, what).toBeGreaterThan(0);
      expect(right, what).toEqual(left);
    }
  });
});
