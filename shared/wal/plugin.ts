import { codeOf, messageOf, MigrationError } from '../errors/migrationError.ts';
import type { PgSession } from '../pg/connect.ts';
import { streamError } from './streamError.ts';

export const PLUGIN = 'wal2json';

/** The prefix of our logical messages. */
export const MESSAGE_PREFIX = 'pgmove';

/** What a stream is started with. */
export interface PluginOptions {
  /** Options of wal2json by name. */
  readonly options: Readonly<Record<string, string>>;
  /**
   * Whether NaN and the infinities of float and numeric columns come as null: wal2json before 2.6
   * cannot write them.
   */
  readonly isNullAmbiguous: boolean;
}

/** Without these the stream cannot be read. */
const NEEDED: Readonly<Record<string, string>> = {
  'format-version': '2',
  'include-xids': 'true',
  'include-lsn': 'true',
  'include-type-oids': 'true',
  // Names of types that need quotes are written raw (they make invalid JSON), and cost bytes.
  'include-types': 'false',
};

const NUMBERS_AS_TEXT = 'numeric-data-types-as-string';

/**
 * Used where the plugin knows them. Its filters of tables are not among them: their lists have
 * escapes and lengths of their own, and a table that is renamed falls out of one without a word. All
 * tables are sent, and the replicator drops what is not in the plan.
 */
const WANTED: Readonly<Record<string, string>> = {
  'include-transaction': 'true',
  'add-msg-prefixes': MESSAGE_PREFIX,
  [NUMBERS_AS_TEXT]: 'true',
};

/**
 * Finds out which options the source's wal2json knows. A plugin reads its options when decoding
 * begins, so the slot itself is asked, by a peek that reads one record of the log and consumes
 * nothing. A slot made for the question would have to wait for every running transaction.
 *
 * @throws MigrationError lockTimeout when somebody reads the slot, versionUnsupported for a
 *   wal2json before 2.0, and what streamError makes of a slot that cannot be decoded.
 */
export async function probePlugin(session: PgSession, slot: string): Promise<PluginOptions> {
  const options: Record<string, string> = { ...NEEDED, ...WANTED };
  for (;;) {
    try {
      await session.query(
        `select from pg_catalog.pg_logical_slot_peek_changes($1, '0/1', 1, variadic $2::text[])`,
        [slot, Object.entries(options).flat()],
      );
      return { options, isNullAmbiguous: options[NUMBERS_AS_TEXT] === undefined };
    } catch (error) {
      const unknown = unknownOption(error);
      if (unknown === undefined) throw streamError(error, slot);
      if (WANTED[unknown] === undefined || options[unknown] === undefined) {
        throw new MigrationError(
          'versionUnsupported',
          `The source's wal2json does not know the option ${unknown}; install version 2.5 or newer.`,
          { cause: error },
        );
      }
      delete options[unknown];
    }
  }
}

/** 22023 option "numeric-data-types-as-string" = "true" is unknown */
function unknownOption(error: unknown): string | undefined {
  if (codeOf(error) !== '22023') return undefined;
  return /^option "([^"]*)" = ".*" is unknown/.exec(messageOf(error))?.[1];
}
