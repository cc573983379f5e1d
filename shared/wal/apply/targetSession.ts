import type pg from 'pg';
import type { PgSession } from '../../pg/connect.ts';

/*
 * Statements of the apply on its session. Those that come again and again are prepared under a
 * name; names belong to the connection and outlive a transaction that is rolled back.
 */

/** Uses of a statement before it gets a name. */
const USES_UNTIL_NAMED = 3;

/** Each named statement keeps a plan on the server. */
const MAX_NAMED = 256;

interface NamedStatements {
  /** Least recently used first. A name is absent until the statement was used often enough. */
  byText: Map<string, { uses: number; name: string | undefined }>;
  nextNumber: number;
}

const namedByClient = new WeakMap<pg.Client, NamedStatements>();

/** A Buffer goes in the binary format of its type. */
export type Parameter = string | Buffer | null;

export interface TargetSession {
  readonly session: PgSession;
  /** Runs one statement; gives the number of rows it touched or found. */
  run(text: string, values: readonly Parameter[]): Promise<number>;
  rows<Row extends pg.QueryResultRow>(
    text: string,
    values: readonly (string | null)[],
  ): Promise<Row[]>;
}

export function targetSession(session: PgSession): TargetSession {
  const { client } = session;
  let named = namedByClient.get(client);
  if (named === undefined) {
    named = { byText: new Map(), nextNumber: 1 };
    namedByClient.set(client, named);
  }
  const statements = named;
  return {
    session,
    async run(text, values) {
      const name = nameOf(statements, text);
      const result = await client.query({ text, values: [...values], ...(name && { name }) });
      return result.rowCount ?? 0;
    },
    async rows<Row extends pg.QueryResultRow>(text: string, values: readonly (string | null)[]) {
      const result = await client.query<Row>(text, [...values]);
      return result.rows;
    },
  };
}

function nameOf(statements: NamedStatements, text: string): string | undefined {
  const { byText } = statements;
  const entry = byText.get(text) ?? { uses: 0, name: undefined };
  entry.uses += 1;
  if (
    entry.name === undefined &&
    entry.uses > USES_UNTIL_NAMED &&
    statements.nextNumber <= MAX_NAMED
  ) {
    entry.name = `pgmove_apply_${statements.nextNumber++}`;
  }
  byText.delete(text);
  byText.set(text, entry);
  if (byText.size > 4 * MAX_NAMED) forgetOldest(byText);
  return entry.name;
}

/** Named ones stay: there are few of them, and the server knows them for as long as we do. */
function forgetOldest(byText: NamedStatements['byText']): void {
  for (const [text, { name }] of byText) {
    if (name !== undefined) continue;
    byText.delete(text);
    return;
  }
}
