import { describe, expect, it } from 'vitest';
import { parseArchive } from '../../../shared/pg/schema/archive.ts';
import type { ArchiveEntry } from '../../../shared/pg/schema/archive.ts';
import { settingSql } from '../../../shared/pg/schema/databaseProperties.ts';
import { privilegeStatements } from '../../../shared/pg/schema/privileges.ts';
import { splitStatements, tokenize } from '../../../shared/pg/schema/sqlLexer.ts';

function entryOf(sql: string): ArchiveEntry {
  return {
    dumpId: 1,
    classOid: 0,
    oid: 0,
    type: 'ACL',
    schema: 'public',
    name: 'TABLE t',
    owner: 'o',
    section: 'none',
    sql,
    dropSql: '',
    accessMethod: '',
    dependencies: [],
  };
}

describe('parseArchive', () => {
  it('refuses what is no archive, ends early, or has a format of the future', () => {
    const refusal = (bytes: number[]) => () =>
      parseArchive(Buffer.concat([Buffer.from('PGDMP'), Buffer.from(bytes)]));
    expect(() => parseArchive(Buffer.from('hello, world'))).toThrow(/no PGDMP head/);
    expect(refusal([1, 99, 0, 4, 8, 1])).toThrow(/format 1.99/);
    expect(refusal([1, 14, 0, 4, 8, 1])).toThrow(/too early/);
    expect(refusal([1, 14, 0, 4, 8, 3])).toThrow(/custom format/);
  });
});

describe('the SQL lexer', () => {
  it('splits at semicolons outside quotes, dollar quotes and comments only', () => {
    const statements = [
      String.raw`select ';', E'\';', "a;b", $$;$$, $x$;$$;$x$ -- ;`,
      'select /* ; /* ; */ ; */ a$b$c',
      `grant select on "t;""x" to "o'o"`,
    ];
    expect(splitStatements(`${statements.join('\n;\n')};\n-- end;\n`)).toEqual(statements);
  });

  it('gives identifiers without their quotes', () => {
    expect(tokenize('grant "A ""b""" to é;').map((token) => token.text)).toEqual([
      'grant',
      'A "b"',
      'to',
      'é',
      ';',
    ]);
  });
});

describe('an ACL entry', () => {
  it('is taken apart by grantee and grantor', () => {
    const sql = `REVOKE ALL ON TABLE t FROM PUBLIC;
      GRANT SELECT ON TABLE "to" TO "from" WITH GRANT OPTION;
      SET SESSION AUTHORIZATION "x y";
      GRANT SELECT ON TABLE t TO PUBLIC;
      RESET SESSION AUTHORIZATION;
      ALTER DEFAULT PRIVILEGES FOR ROLE "r" IN SCHEMA s GRANT ALL ON TABLES TO "PUBLIC";`;
    expect(
      privilegeStatements(entryOf(sql)).map(({ grantee, actor, runsAsActor }) => [
        grantee,
        actor,
        runsAsActor,
      ]),
    ).toEqual([
      [undefined, undefined, false],
      ['from', undefined, false],
      [undefined, 'x y', true],
      ['PUBLIC', 'r', false],
    ]);
  });
});

describe('a setting of a database', () => {
  it('keeps the items of a list apart and everything else whole', () => {
    expect(settingSql('database "d"', '', 'search_path="$user", public, "a, ""b"')).toBe(
      `alter database "d" set "search_path" to '$user', 'public', 'a, "b'`,
    );
    expect(settingSql('database "d"', 'r', 'my.list=a, b=c')).toBe(
      `alter role "r" in database "d" set "my.list" to 'a, b=c'`,
    );
    expect(settingSql('database "d"', '', 'search_path=""')).toBe(
      `alter database "d" set "search_path" to ''`,
    );
  });
});
