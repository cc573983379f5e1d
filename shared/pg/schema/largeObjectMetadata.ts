import pg from 'pg';
import type { PgSession } from '../connect.ts';
import { notCarriedList } from './notCarried.ts';
import type { NotCarried } from './notCarried.ts';
import { giveOwnership } from './ownership.ts';
import type { ObjectOwner } from './plan.ts';
import { runPrivileges } from './privileges.ts';
import type { PrivilegeStatement } from './privileges.ts';

interface Metadata {
  oid: number;
  owner: string;
  comment: string | null;
  privileges: { grantee: string | null; privilege: string; isGrantable: boolean }[] | null;
}

const OBJECTS_PER_PAGE = 2000;

/**
 * Comments, owners and privileges of large objects, which a dump of the schema leaves out. Run with
 * the other ownership, after copyLargeObjects. Idempotent.
 */
export async function copyLargeObjectMetadata(
  source: PgSession,
  target: PgSession,
): Promise<NotCarried[]> {
  const report = notCarriedList();
  const notCarried: NotCarried[] = [];
  for (let after = 0; ;) {
    const page = await readPage(source, after);
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.oid;
    const present = await presentOn(target, page);
    const comments = present.filter((object) => object.comment !== null).map(commentSql);
    if (comments.length > 0) await target.query(comments.join('; '));
    notCarried.push(...(await giveOwnership(target, present.map(ownerOf))));
    await runPrivileges(target, present.flatMap(privilegesOf), report);
  }
  return [...notCarried, ...report.items()];
}

/** An object made since the snapshot is not on the target. */
async function presentOn(target: PgSession, page: readonly Metadata[]): Promise<Metadata[]> {
  const { rows } = await target.query<{ oid: number }>(
    'select oid from pg_catalog.pg_largeobject_metadata where oid = any ($1::oid[])',
    [page.map((object) => object.oid)],
  );
  const oids = new Set(rows.map((row) => row.oid));
  return page.filter((object) => oids.has(object.oid));
}

async function readPage(source: PgSession, after: number): Promise<Metadata[]> {
  const { rows } = await source.query<Metadata>(
    `select m.oid, pg_catalog.pg_get_userbyid(m.lomowner) as owner,
       pg_catalog.obj_description(m.oid, 'pg_largeobject') as comment,
       (select pg_catalog.json_agg(pg_catalog.json_build_object(
           'grantee', r.rolname, 'privilege', a.privilege_type, 'isGrantable', a.is_grantable))
         from pg_catalog.aclexplode(m.lomacl) a left join pg_catalog.pg_roles r on r.oid = a.grantee
         where a.grantee <> m.lomowner) as privileges
     from pg_catalog.pg_largeobject_metadata m
     where m.oid > $1::oid
     order by m.oid limit ${OBJECTS_PER_PAGE}`,
    [after],
  );
  return rows;
}

function commentSql(object: Metadata): string {
  return `comment on large object ${object.oid} is ${pg.escapeLiteral(object.comment ?? '')}`;
}

function ownerOf(object: Metadata): ObjectOwner {
  return {
    type: 'LARGE OBJECT',
    schema: '',
    object: `large object ${object.oid}`,
    owner: object.owner,
  };
}

function privilegesOf(object: Metadata): PrivilegeStatement[] {
  return (object.privileges ?? []).map(({ grantee, privilege, isGrantable }) => ({
    sql:
      `grant ${privilege.toLowerCase()} on large object ${object.oid} to ` +
      (grantee === null ? 'public' : pg.escapeIdentifier(grantee)) +
      (isGrantable ? ' with grant option' : ''),
    object: `large object ${object.oid}`,
    subject: 'privilege',
    grantee: grantee ?? undefined,
    actor: undefined,
    runsAsActor: false,
  }));
}
