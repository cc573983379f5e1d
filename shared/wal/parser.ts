import { MigrationError } from '../errors/migrationError.ts';
import { streamEncoding } from './encoding.ts';
import type { StreamEncoding } from './encoding.ts';
import { JsonReader } from './jsonReader.ts';
import type { Lsn } from './lsn.ts';
import type { ColumnSet, Value, WalMessage } from './messages.ts';
import { addChild, columnSetOf, createRelation, findChild, matches } from './relations.ts';
import type { ColumnNode, Relation } from './relations.ts';

export interface ParserOptions {
  /** `server_encoding` of the source database. */
  encoding: string;
}

/**
 * Reads one message of wal2json (format version 2, with include-xids, include-lsn and
 * include-type-oids) that lies in `bytes` from `start` to `end`. A Buffer object has to hold the
 * same bytes in all calls: what was made of them once is used again. Texts of values may keep as
 * much as a chunk of the stream in memory.
 *
 * @throws MigrationError dataFailed that names the table, never a value.
 */
export type WalParser = (bytes: Buffer, start: number, end: number) => WalMessage;

/** @throws MigrationError versionUnsupported when texts in that encoding cannot be read exactly. */
export function createParser(options: ParserOptions): WalParser {
  const encoding = streamEncoding(options.encoding);
  if (encoding === undefined) {
    throw new MigrationError(
      'versionUnsupported',
      `The source database's encoding ${options.encoding} cannot be read from a wal2json stream.`,
    );
  }
  const parser = new Parser(encoding);
  return (bytes, start, end) => {
    try {
      return parser.parse(bytes, start, end);
    } finally {
      parser.release(end - start);
    }
  };
}

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
const QUOTE = 0x22;

/** Attributes of a message that are read; any other is skipped. */
const KEYS = [
  'action',
  'xid',
  'lsn',
  'nextlsn',
  'schema',
  'table',
  'columns',
  'identity',
  'transactional',
  'prefix',
  'content',
] as const;
type Key = (typeof KEYS)[number];

const KEY_BYTES: ReadonlyMap<number, readonly { key: Key; bytes: Buffer }[]> = new Map(
  [...new Set(KEYS.map((key) => key.length))].map((length) => [
    length,
    KEYS.filter((key) => key.length === length).map((key) => ({ key, bytes: Buffer.from(key) })),
  ]),
);

const NAME = Buffer.from('name');
const TYPE_OID = Buffer.from('typeoid');
const VALUE = Buffer.from('value');

const BYTEA_OID = 17;

/** Values of a message above this size are not kept until the next one overwrites them. */
const LARGE_BYTES = 64 * 1024;

const ACTION = {
  begin: 0x42,
  commit: 0x43,
  insert: 0x49,
  update: 0x55,
  delete: 0x44,
  truncate: 0x54,
  message: 0x4d,
};

class Parser {
  readonly #json: JsonReader;
  /** By a hash of the table's name. */
  readonly #relations = new Map<number, Relation[]>();
  /** Of the message that is being read. */
  #relation: Relation | undefined;
  /** Values of the tuple that was read last; a copy has the length that is needed, and no more. */
  readonly #tuple: Value[] = [];

  constructor(encoding: StreamEncoding) {
    this.#json = new JsonReader(encoding, (why) => this.#fail(why));
  }

  /** Lets go of the message that was read. */
  release(bytes: number): void {
    this.#json.release();
    if (bytes > LARGE_BYTES) this.#tuple.length = 0;
  }

  parse(bytes: Buffer, start: number, end: number): WalMessage {
    const json = this.#json;
    this.#relation = undefined;
    json.begin(bytes, start, end);
    let action = 0;
    let xid = 0;
    let lsn: Lsn = 0n;
    let nextLsn: Lsn = 0n;
    let schemaStart = 0;
    let schemaEnd = 0;
    let isTransactional = true;
    let prefix = '';
    let content = '';
    let columns: ColumnSet | undefined;
    let values: Value[] | undefined;
    let identity: ColumnSet | undefined;
    let identityValues: Value[] | undefined;
    json.expect(OPEN_BRACE);
    for (;;) {
      switch (this.#readKey()) {
        case 'action':
          action = this.#readAction();
          break;
        case 'xid':
          if (action === ACTION.begin || action === ACTION.commit) xid = json.readInteger();
          else json.skipValue();
          break;
        case 'lsn':
          if (action === ACTION.begin || action === ACTION.commit || action === ACTION.message)
            lsn = json.readLsn();
          else json.skipValue();
          break;
        case 'nextlsn':
          nextLsn = json.readLsn();
          break;
        case 'schema':
          json.expect(QUOTE);
          schemaStart = json.at;
          schemaEnd = json.skipString();
          break;
        case 'table':
          json.expect(QUOTE);
          this.#relation = this.#readTable(bytes, schemaStart, schemaEnd);
          break;
        case 'columns':
          columns = this.#readTuple(this.#known().columns);
          values = this.#tuple.slice(0, columns.names.length);
          break;
        case 'identity':
          identity = this.#readTuple(this.#known().identity);
          identityValues = this.#tuple.slice(0, identity.names.length);
          break;
        case 'transactional':
          isTransactional = json.readValue(false) === 't';
          break;
        case 'prefix':
          prefix = json.readLossyString();
          break;
        case 'content':
          // Anybody may send messages, of any bytes; only ours matter, and they are ASCII.
          content = json.readLossyString();
          break;
        case undefined:
          json.skipValue();
      }
      if (json.nextIs(COMMA)) continue;
      json.expect(CLOSE_BRACE);
      break;
    }
    if (json.at !== end) this.#fail('bytes follow its end');
    switch (action) {
      case ACTION.begin:
        return { action: 'B', xid, commitLsn: lsn, endLsn: this.#present(nextLsn) };
      case ACTION.commit:
        return { action: 'C', xid, commitLsn: lsn, endLsn: this.#present(nextLsn) };
      case ACTION.truncate: {
        const { schema, table } = this.#known();
        return { action: 'T', schema, table };
      }
      case ACTION.message:
        return { action: 'M', transactional: isTransactional, prefix, content, lsn };
      case ACTION.insert:
      case ACTION.update:
        if (columns === undefined) this.#fail('it has no columns');
        return {
          action: action === ACTION.insert ? 'I' : 'U',
          schema: this.#known().schema,
          table: this.#known().table,
          columns,
          values,
          identity,
          identityValues,
          bytes: end - start,
        };
      case ACTION.delete:
        return {
          action: 'D',
          schema: this.#known().schema,
          table: this.#known().table,
          identity,
          identityValues,
          bytes: end - start,
        };
      default:
        return this.#fail('its action is unknown');
    }
  }

  /** A key with its colon; undefined for one that is not read. */
  #readKey(): Key | undefined {
    const json = this.#json;
    json.expect(QUOTE);
    const start = json.at;
    const length = json.skipString() - start;
    json.expect(COLON);
    const candidates = KEY_BYTES.get(length);
    if (candidates === undefined) return undefined;
    for (const { key, bytes } of candidates) {
      if (matches(json.bytes, start, bytes)) return key;
    }
    return undefined;
  }

  /** The letter of the action. */
  #readAction(): number {
    const json = this.#json;
    json.expect(QUOTE);
    const letter = json.bytes[json.at++] ?? 0;
    json.expect(QUOTE);
    return letter;
  }

  /** The reader stands behind the quote that opens the table's name. */
  #readTable(bytes: Buffer, schemaStart: number, schemaEnd: number): Relation {
    const json = this.#json;
    const start = json.at;
    const end = json.skipString();
    const schemaLength = schemaEnd - schemaStart;
    let hash = schemaLength;
    for (let at = start; at < end; at++) hash = (hash * 31 + bytes[at]!) | 0;
    let relations = this.#relations.get(hash);
    if (relations) {
      for (const relation of relations) {
        if (
          relation.tableBytes.length === end - start &&
          relation.schemaBytes.length === schemaLength &&
          matches(bytes, start, relation.tableBytes) &&
          matches(bytes, schemaStart, relation.schemaBytes)
        ) {
          return relation;
        }
      }
    } else {
      relations = [];
      this.#relations.set(hash, relations);
    }
    const names = {
      schema: json.decodeString(schemaStart, schemaEnd),
      table: json.decodeString(start, end),
    };
    const relation = createRelation(
      names,
      bytes.subarray(schemaStart, schemaEnd),
      bytes.subarray(start, end),
    );
    relations.push(relation);
    return relation;
  }

  /** Leaves the values in #tuple. */
  #readTuple(root: ColumnNode): ColumnSet {
    const json = this.#json;
    const values = this.#tuple;
    let count = 0;
    const { bytes } = json;
    let node = root;
    json.expect(OPEN_BRACKET);
    if (json.nextIs(CLOSE_BRACKET)) return columnSetOf(root);
    do {
      let child = node.next;
      if (child === undefined || !matches(bytes, json.at, child.header)) {
        child = findChild(node, bytes, json.at) ?? this.#addColumn(node);
      }
      node = child;
      json.at += child.header.length;
      values[count++] = json.readValue(child.typeOid === BYTEA_OID);
      while (json.nextIs(COMMA)) {
        json.skipValue();
        json.expect(COLON);
        json.skipValue();
      }
      json.expect(CLOSE_BRACE);
    } while (json.nextIs(COMMA));
    json.expect(CLOSE_BRACKET);
    return node.set ?? columnSetOf(node);
  }

  /** Reads the head of a column that was not met at this place yet; the reader stays before it. */
  #addColumn(node: ColumnNode): ColumnNode {
    const json = this.#json;
    const { bytes } = json;
    const start = json.at;
    let name: string | undefined;
    let typeOid: number | undefined;
    json.expect(OPEN_BRACE);
    for (;;) {
      json.expect(QUOTE);
      const keyStart = json.at;
      const length = json.skipString() - keyStart;
      json.expect(COLON);
      if (length === VALUE.length && matches(bytes, keyStart, VALUE)) break;
      if (length === NAME.length && matches(bytes, keyStart, NAME)) {
        json.expect(QUOTE);
        const nameStart = json.at;
        name = json.decodeString(nameStart, json.skipString());
      } else if (length === TYPE_OID.length && matches(bytes, keyStart, TYPE_OID)) {
        // It is printed as a signed number.
        typeOid = json.readInteger() >>> 0;
      } else {
        json.skipValue();
      }
      json.expect(COMMA);
    }
    if (name === undefined) this.#fail('a column has no name');
    if (typeOid === undefined) this.#fail('a column has no type');
    const header = bytes.subarray(start, json.at);
    json.at = start;
    return addChild(this.#relation!, node, header, { name, typeOid });
  }

  #known(): Relation {
    return this.#relation ?? this.#fail('it names no table');
  }

  #present(lsn: Lsn): Lsn {
    return lsn === 0n ? this.#fail('it has no position (include-lsn)') : lsn;
  }

  #fail(why: string): never {
    const relation = this.#relation;
    const what =
      relation === undefined
        ? 'A message of the change stream'
        : `A change of table "${relation.schema}"."${relation.table}" in the change stream`;
    throw new MigrationError('dataFailed', `${what} cannot be read: ${why}.`);
  }
}
