/** A piece of SQL: its text and whether it is a word or sign (true) or a quoted thing (false). */
export interface SqlToken {
  text: string;
  kind: 'word' | 'identifier' | 'literal' | 'sign';
}

/**
 * Splits the SQL of one archive entry into statements, without their semicolons. Knows quotes,
 * dollar quotes and nested comments; does not know SQL-standard function bodies (BEGIN ATOMIC), so
 * it is only for entries that hold none: privileges, indexes, constraints.
 */
export function splitStatements(sql: string): string[] {
  const statements: string[] = [];
  let start = 0;
  let isEmpty = true;
  for (const piece of pieces(sql)) {
    if (piece.kind === 'sign' && sql[piece.start] === ';') {
      if (!isEmpty) statements.push(sql.slice(start, piece.start).trim());
      start = piece.end;
      isEmpty = true;
    } else if (piece.kind !== 'blank') {
      isEmpty = false;
    }
  }
  if (!isEmpty) statements.push(sql.slice(start).trim());
  return statements;
}

/** Words, identifiers (without their quotes), literals and signs of a statement. */
export function tokenize(sql: string): SqlToken[] {
  const tokens: SqlToken[] = [];
  for (const piece of pieces(sql)) {
    if (piece.kind === 'blank') continue;
    const text = sql.slice(piece.start, piece.end);
    tokens.push(
      piece.kind === 'identifier'
        ? { kind: 'identifier', text: text.slice(1, -1).replaceAll('""', '"') }
        : { kind: piece.kind, text },
    );
  }
  return tokens;
}

interface Piece {
  kind: SqlToken['kind'] | 'blank';
  start: number;
  end: number;
}

const BLANK = /(?:\s+|--[^\n]*)/y;
const WORD = /[\p{L}_\d][\p{L}\p{M}_\d$]*/uy;
const DOLLAR_TAG = /\$(?:[\p{L}_][\p{L}_\d]*)?\$/uy;
const STRING = /'(?:[^']|'')*'/y;
const ESCAPE_STRING = /[eE]'(?:[^'\\]|''|\\[\s\S])*'/y;
const IDENTIFIER = /"(?:[^"]|"")*"/y;

function* pieces(sql: string): Generator<Piece> {
  let at = 0;
  while (at < sql.length) {
    const piece = pieceAt(sql, at);
    yield piece;
    at = piece.end;
  }
}

function pieceAt(sql: string, start: number): Piece {
  const blankEnd = matchEnd(BLANK, sql, start);
  if (blankEnd !== undefined) return { kind: 'blank', start, end: blankEnd };
  if (sql.startsWith('/*', start)) return { kind: 'blank', start, end: commentEnd(sql, start) };
  const literalEnd = matchEnd(ESCAPE_STRING, sql, start) ?? matchEnd(STRING, sql, start);
  if (literalEnd !== undefined) return { kind: 'literal', start, end: literalEnd };
  const identifierEnd = matchEnd(IDENTIFIER, sql, start);
  if (identifierEnd !== undefined) return { kind: 'identifier', start, end: identifierEnd };
  const wordEnd = matchEnd(WORD, sql, start);
  if (wordEnd !== undefined) return { kind: 'word', start, end: wordEnd };
  const tagEnd = matchEnd(DOLLAR_TAG, sql, start);
  if (tagEnd !== undefined) {
    const close = sql.indexOf(sql.slice(start, tagEnd), tagEnd);
    const end = close < 0 ? sql.length : close + (tagEnd - start);
    return { kind: 'literal', start, end };
  }
  return { kind: 'sign', start, end: start + 1 };
}

function matchEnd(expression: RegExp, sql: string, start: number): number | undefined {
  expression.lastIndex = start;
  return expression.test(sql) ? expression.lastIndex : undefined;
}

function commentEnd(sql: string, start: number): number {
  let depth = 0;
  for (let at = start; at < sql.length; at += 1) {
    if (sql.startsWith('/*', at)) {
      depth += 1;
      at += 1;
    } else if (sql.startsWith('*/', at)) {
      depth -= 1;
      at += 1;
      if (depth === 0) return at + 1;
    }
  }
  return sql.length;
}
