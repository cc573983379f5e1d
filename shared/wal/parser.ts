import { MigrationError } from '../errors/migrationError.ts';
import { streamEncoding } from './encoding.ts';
import type { StreamEncoding } from './encoding.ts';
import { JsonReader } from './jsonReader.ts';
import type { Lsn } from './lsn.ts';
import { actionOf, headOf, skipRowHead, skipToXid } from './messageHead.ts';
import { keyAt } from './messageKeys.ts';
import type { Key } from './messageKeys.ts';
import type { ColumnSet, WalMessage } from './messages.ts';
import { addChild, columnSetOf, createRelation, findChild, matches } from './relations.ts';
import type { ColumnNode, Relation } from './relations.ts';
import type { Tuple } from './tuple.ts';
import { BlockTuple } from './valueBlock.ts';

export interface ParserOptions {
  /** `server_encoding` of the source database. */
  encoding: string;
}

/**
 * Reads one message of wal2json (format version 2, with include-xids, include-lsn and
 * include-type-oids) that lies in `bytes` from `start` to `end`. The bytes may
 * change when the call has returned.
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
      parser.release();
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

const LSN = Buffer.from(',"lsn":');
const NEXT_LSN = Buffer.from(',"nextlsn":');

const NAME = Buffer.from('name');
const TYPE_OID = Buffer.from('typeoid');
const VALUE = Buffer.from('value');

const BYTEA_OID = 17;

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
  /** Of the last row. */
  #last: Relation | undefined;
  /** The columns of the tuple that was read last. */
  #columns: ColumnSet | undefined;

  constructor(encoding: StreamEncoding) {
    this.#json = new JsonReader(encoding, (why) => this.#fail(why));
  }

  /** Lets go of the message that was read. */
  release(): void {
    this.#json.release();
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
    let values: Tuple | undefined;
    let identity: ColumnSet | undefined;
    let identityValues: Tuple | undefined;
    const guess = this.#last?.next ?? this.#last;
    const tuples = guess === undefined ? -1 : skipRowHead(bytes, start, guess);
    if (tuples > 0 && tuples < end) {
      action = actionOf(bytes, start);
      this.#relation = guess;
      json.at = tuples;
    } else {
      const message = this.#readBeginOrCommit(bytes, start, end);
      if (message !== undefined) return message;
      json.expect(OPEN_BRACE);
    }
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
          values = this.#readTuple(this.#known().columns);
          columns = this.#columns;
          break;
        case 'identity':
          identityValues = this.#readTuple(this.#known().identity);
          identity = this.#columns;
          break;
        case 'transactional':
          isTransactional = json.readBoolean();
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
    if (columns !== undefined || identity !== undefined) this.#remember();
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

  /** Tables are written to in the same order again and again. */
  #remember(): void {
    if (this.#last !== undefined) this.#last.next = this.#relation;
    this.#last = this.#relation;
  }

  /** Undefined for another message, or one that is not in wal2json's usual form. */
  #readBeginOrCommit(bytes: Buffer, start: number, end: number): WalMessage | undefined {
    const letter = actionOf(bytes, start);
    if (letter !== ACTION.begin && letter !== ACTION.commit) return undefined;
    const json = this.#json;
    const at = skipToXid(bytes, start);
    if (at < 0) return undefined;
    json.at = at;
    const xid = json.readInteger();
    const commitLsn = this.#readLsnAfter(LSN, end);
    const endLsn = commitLsn === undefined ? undefined : this.#readLsnAfter(NEXT_LSN, end);
    if (commitLsn !== undefined && endLsn !== undefined) {
      if (json.nextIs(CLOSE_BRACE) && json.at === end) {
        return { action: letter === ACTION.begin ? 'B' : 'C', xid, commitLsn, endLsn };
      }
    }
    json.at = start;
    return undefined;
  }

  /** Undefined when something else comes next. */
  #readLsnAfter(name: Uint8Array, end: number): Lsn | undefined {
    const json = this.#json;
    return json.passes(name) && json.at < end ? json.readLsn() : undefined;
  }

  /** A key with its colon; undefined for one that is not read. */
  #readKey(): Key | undefined {
    const json = this.#json;
    json.expect(QUOTE);
    const start = json.at;
    const length = json.skipString() - start;
    json.expect(COLON);
    return keyAt(json.bytes, start, length);
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
    const schemaBytes = bytes.subarray(schemaStart, schemaEnd);
    const tableBytes = bytes.subarray(start, end);
    const head = headOf(schemaBytes, tableBytes);
    const relation = createRelation(names, schemaBytes, tableBytes, head);
    relations.push(relation);
    return relation;
  }

  /** Leaves the columns in #columns. */
  #readTuple(root: ColumnNode): Tuple {
    const json = this.#json;
    const { bytes, block } = json;
    const first = block.count;
    json.expect(OPEN_BRACKET);
    const last = json.nextIs(CLOSE_BRACKET) ? root : this.#readColumns(root, bytes);
    this.#columns = last.set ?? columnSetOf(last);
    return new BlockTuple(block, first, block.count - first);
  }

  /** Takes the values up to the bracket that closes them; gives the last column. */
  #readColumns(root: ColumnNode, bytes: Buffer): ColumnNode {
    const json = this.#json;
    let node = root;
    do {
      let child = node.next;
      if (child === undefined || !matches(bytes, json.at, child.header)) {
        child = findChild(node, bytes, json.at) ?? this.#addColumn(node);
      }
      node = child;
      json.at += child.header.length;
      json.takeValue(child.typeOid === BYTEA_OID);
      while (json.nextIs(COMMA)) {
        json.skipValue();
        json.expect(COLON);
        json.skipValue();
      }
      json.expect(CLOSE_BRACE);
    } while (json.nextIs(COMMA));
    json.expect(CLOSE_BRACKET);
    return node;
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
