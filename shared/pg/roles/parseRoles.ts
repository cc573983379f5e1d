import { splitStatements, tokenize } from '../schema/sqlLexer.ts';
import type { SqlToken } from '../schema/sqlLexer.ts';

/** A role with its attributes as CREATE ROLE spells them: LOGIN, NOCREATEDB. */
export interface DumpedRole {
  name: string;
  attributes: string[];
  connectionLimit?: string;
  /** SQL literals. */
  validUntil?: string;
  password?: string;
}

export interface DumpedMembership {
  role: string;
  member: string;
  admin: boolean;
  /** Since 16; undefined: as the member's own attribute says. */
  inherit?: boolean;
  set?: boolean;
}

/** A statement about one role that is run as it is: a setting, a comment, a label. */
export interface RoleStatement {
  role: string;
  kind: 'setting' | 'comment' | 'securityLabel';
  sql: string;
}

export interface RoleDump {
  roles: DumpedRole[];
  memberships: DumpedMembership[];
  statements: RoleStatement[];
}

/** Of psql, around the dump of newer versions. */
const PSQL_COMMANDS = /^\\(un)?restrict \w+$/gm;

/** Reads what `pg_dumpall --roles-only --quote-all-identifiers` wrote, of any version. */
export function parseRoles(sql: string): RoleDump {
  const roles = new Map<string, DumpedRole>();
  const dump: Omit<RoleDump, 'roles'> = { memberships: [], statements: [] };
  for (const statement of splitStatements(sql.replaceAll(PSQL_COMMANDS, ''))) {
    const tokens = tokenize(statement);
    const [first, second, third, fourth] = tokens;
    if (isWord(first, 'CREATE') && isWord(second, 'ROLE') && third !== undefined) {
      roles.set(third.text, { name: third.text, attributes: [] });
    } else if (isWord(first, 'ALTER') && isWord(second, 'ROLE') && third !== undefined) {
      const known = roles.get(third.text) ?? { name: third.text, attributes: [] };
      if (isWord(fourth, 'WITH')) roles.set(third.text, { ...known, ...readAttributes(tokens) });
      else dump.statements.push({ role: third.text, kind: 'setting', sql: statement });
    } else if (isWord(first, 'COMMENT') && isWord(third, 'ROLE') && fourth !== undefined) {
      dump.statements.push({ role: fourth.text, kind: 'comment', sql: statement });
    } else if (isWord(first, 'SECURITY') && isWord(second, 'LABEL')) {
      const at = tokens.findIndex((token) => isWord(token, 'ROLE'));
      const role = tokens[at + 1]?.text ?? '';
      dump.statements.push({ role, kind: 'securityLabel', sql: statement });
    } else if (isWord(first, 'GRANT') && isWord(third, 'TO')) {
      dump.memberships.push(readMembership(tokens));
    }
  }
  return { roles: [...roles.values()], ...dump };
}

function readAttributes(tokens: readonly SqlToken[]): Omit<DumpedRole, 'name'> {
  const read: Omit<DumpedRole, 'name'> = { attributes: [] };
  for (let at = 4; at < tokens.length; at += 1) {
    const text = tokens[at]?.text ?? '';
    if (text === 'CONNECTION') read.connectionLimit = tokens[(at += 2)]?.text;
    else if (text === 'PASSWORD') read.password = tokens[(at += 1)]?.text;
    else if (text === 'VALID') read.validUntil = tokens[(at += 2)]?.text;
    else read.attributes.push(text);
  }
  return read;
}

/** GRANT "a" TO "b" WITH ADMIN OPTION, INHERIT FALSE GRANTED BY "c" */
function readMembership(tokens: readonly SqlToken[]): DumpedMembership {
  const read: DumpedMembership = {
    role: tokens[1]?.text ?? '',
    member: tokens[3]?.text ?? '',
    admin: false,
  };
  for (let at = 4; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (token?.kind !== 'word' || token.text === 'GRANTED') break;
    const isTrue = ['OPTION', 'TRUE'].includes(tokens[at + 1]?.text ?? '');
    if (token.text === 'ADMIN') read.admin = isTrue;
    else if (token.text === 'INHERIT') read.inherit = isTrue;
    else if (token.text === 'SET') read.set = isTrue;
    else continue;
    // Its value, and the comma behind it.
    at += tokens[at + 2]?.text === ',' ? 2 : 1;
  }
  return read;
}

function isWord(token: SqlToken | undefined, word: string): boolean {
  return token?.kind === 'word' && token.text.toUpperCase() === word;
}
