import { readFile } from 'node:fs/promises';
import { MigrationError, messageOf } from '../../errors/migrationError.ts';

/**
 * One object of a pg_dump archive, as its table of contents has it. The SQL is the dump's own text:
 * it is read from the archive's length-prefixed fields, so nothing that a comment, a literal or a
 * name holds can split it wrongly, which is why pg_restore's text output is not parsed.
 */
export interface ArchiveEntry {
  dumpId: number;
  /** Oid of the system catalog and of the object on the source; 0 for an entry that is no object. */
  classOid: number;
  oid: number;
  /** pg_dump's word for it: TABLE, INDEX, FK CONSTRAINT, COMMENT, ACL … */
  type: string;
  /** '' for an object without a schema. */
  schema: string;
  /** The entry's tag: `t`, `t t_pkey` (constraints, triggers: table and name), `f(integer)`. */
  name: string;
  owner: string;
  section: 'pre' | 'data' | 'post' | 'none';
  sql: string;
  /** `DROP FUNCTION public.f(integer);`: names the object in the words of its ALTER. */
  dropSql: string;
  /** '' where the table's access method is not recorded. */
  accessMethod: string;
  /** dumpIds of the entries that must exist first. */
  dependencies: number[];
}

const SECTIONS: Readonly<Record<number, ArchiveEntry['section']>> = {
  1: 'none',
  2: 'pre',
  3: 'data',
  4: 'post',
};

/** Newest archive format known here: 1.16 is written by pg_dump 17 and 18. */
const NEWEST_MINOR = 16;

/**
 * Reads the table of contents of a custom-format archive.
 *
 * @returns the entries in the order in which they have to run.
 * @throws MigrationError toolFailed when the file is no archive of a known version.
 */
export async function renderArchive(archivePath: string): Promise<ArchiveEntry[]> {
  const bytes = await readFile(archivePath).catch((error: unknown) => {
    throw new MigrationError('toolFailed', `The archive cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  });
  return parseArchive(bytes);
}

export function parseArchive(bytes: Buffer): ArchiveEntry[] {
  const reader = new ArchiveReader(bytes);
  const minor = readHead(reader);
  const count = reader.int();
  const entries: ArchiveEntry[] = [];
  for (let index = 0; index < count; index += 1) entries.push(readEntry(reader, minor));
  return restoreOrder(entries);
}

/** Skips the archive's head and gives the minor version of its format. */
function readHead(reader: ArchiveReader): number {
  if (reader.ascii(5) !== 'PGDMP') {
    throw new MigrationError(
      'toolFailed',
      'The file is not an archive of pg_dump (no PGDMP head).',
    );
  }
  const major = reader.byte();
  const minor = reader.byte();
  reader.byte();
  // 1.12 came with PostgreSQL 9.0 and is the oldest that pg_dump 9.5 and later write.
  if (major !== 1 || minor < 12 || minor > NEWEST_MINOR) {
    throw new MigrationError(
      'toolFailed',
      `The archive has format ${major}.${minor}; known are 1.12 to 1.${NEWEST_MINOR}. ` +
        'Use pg_dump of PostgreSQL 10 to 18 (PG_BIN_DIR).',
    );
  }
  reader.intBytes = reader.byte();
  reader.offsetBytes = reader.byte();
  if (reader.byte() !== 1) {
    throw new MigrationError('toolFailed', 'The archive is not in the custom format (-Fc).');
  }
  if (minor >= 15) reader.byte();
  else reader.int();
  // Date of creation: seven integers; then database, server version, pg_dump version.
  for (let field = 0; field < 7; field += 1) reader.int();
  for (let field = 0; field < 3; field += 1) reader.text();
  return minor;
}

function readEntry(reader: ArchiveReader, minor: number): ArchiveEntry {
  const dumpId = reader.int();
  reader.int(); // Whether the entry has data.
  const classOid = Number(reader.text() ?? 0);
  const oid = Number(reader.text() ?? 0);
  const name = reader.text() ?? '';
  const type = reader.text() ?? '';
  const section = SECTIONS[reader.int()] ?? 'none';
  const sql = reader.text() ?? '';
  const dropSql = reader.text() ?? '';
  reader.skipText(); // The COPY statement.
  const schema = reader.text() ?? '';
  reader.skipText(); // Tablespaces do not travel between servers.
  const accessMethod = minor >= 14 ? (reader.text() ?? '') : '';
  if (minor >= 16) reader.int(); // relkind
  const owner = reader.text() ?? '';
  reader.skipText(); // WITH OIDS, gone since 12.
  const dependencies: number[] = [];
  for (let next = reader.text(); next !== undefined; next = reader.text()) {
    dependencies.push(Number(next));
  }
  reader.skipOffset();
  return {
    dumpId,
    classOid,
    oid,
    type,
    schema,
    name,
    owner,
    section,
    sql,
    dropSql,
    accessMethod,
    dependencies,
  };
}

/** pg_restore runs privileges after everything, and event triggers after those; so do we. */
function restoreOrder(entries: ArchiveEntry[]): ArchiveEntry[] {
  const passes: ArchiveEntry[][] = [[], [], []];
  for (const entry of entries) passes[restorePass(entry)]?.push(entry);
  return passes.flat();
}

function restorePass(entry: ArchiveEntry): 0 | 1 | 2 {
  if (isPrivilege(entry)) return 1;
  if (isOfEventTrigger(entry)) return 2;
  return 0;
}

export function isPrivilege(entry: ArchiveEntry): boolean {
  return entry.type === 'ACL' || entry.type === 'ACL LANGUAGE' || entry.type === 'DEFAULT ACL';
}

export function isOfEventTrigger(entry: ArchiveEntry): boolean {
  if (entry.type === 'EVENT TRIGGER') return true;
  const isRemark = entry.type === 'COMMENT' || entry.type === 'SECURITY LABEL';
  return isRemark && entry.name.startsWith('EVENT TRIGGER ');
}

/** How an object is named in messages: `TABLE public.t`. */
export function describeEntry(entry: ArchiveEntry): string {
  return `${entry.type} ${entry.schema === '' ? '' : `${entry.schema}.`}${entry.name}`;
}

/** The archive's primitive fields: integers with a sign byte, texts with their length. */
class ArchiveReader {
  intBytes = 4;
  offsetBytes = 8;
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  byte(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) {
      throw new MigrationError('toolFailed', 'The archive of pg_dump ends too early.');
    }
    this.#at += 1;
    return value;
  }

  int(): number {
    const isNegative = this.byte() !== 0;
    let value = 0;
    for (let index = 0; index < this.intBytes; index += 1) value += this.byte() * 256 ** index;
    return isNegative ? -value : value;
  }

  ascii(length: number): string {
    let text = '';
    for (let index = 0; index < length; index += 1) text += String.fromCharCode(this.byte());
    return text;
  }

  text(): string | undefined {
    const start = this.skipText();
    return start === undefined ? undefined : this.#bytes.toString('utf8', start, this.#at);
  }

  /** Gives where the text began, or undefined where there is none. */
  skipText(): number | undefined {
    const length = this.int();
    if (length < 0) return undefined;
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) {
      throw new MigrationError('toolFailed', 'The archive of pg_dump ends too early.');
    }
    return start;
  }

  skipOffset(): void {
    this.#at += 1 + this.offsetBytes;
  }
}
