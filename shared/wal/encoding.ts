import { isUtf8 } from 'node:buffer';

/*
 * A logical decoding plugin's text is not converted to the client's encoding: it comes in the
 * database's own. Every server encoding of PostgreSQL keeps ASCII bytes for ASCII characters, so a
 * message can be cut by bytes, and only what has other bytes needs a decoder.
 */

declare global {
  // Node has these, and they cost less than toString with an encoding's name; its types leave them out.
  interface Buffer {
    latin1Slice(start: number, end: number): string;
    utf8Slice(start: number, end: number): string;
  }
}

/** Decodes a run of bytes; undefined when they are not valid in the encoding. */
export type DecodeBytes = (bytes: Buffer, start: number, end: number) => string | undefined;

/** How the text of a stream is decoded. */
export interface StreamEncoding {
  /** As in `server_encoding`. */
  readonly name: string;
  readonly decode: DecodeBytes;
}

/** Names of WHATWG for the encodings of one byte; those where it differs are mended below. */
const LABELS: Readonly<Record<string, string>> = {
  LATIN2: 'iso-8859-2',
  LATIN3: 'iso-8859-3',
  LATIN4: 'iso-8859-4',
  LATIN6: 'iso-8859-10',
  LATIN7: 'iso-8859-13',
  LATIN8: 'iso-8859-14',
  LATIN9: 'iso-8859-15',
  ISO_8859_5: 'iso-8859-5',
  ISO_8859_6: 'iso-8859-6',
  ISO_8859_7: 'iso-8859-7',
  ISO_8859_8: 'iso-8859-8',
  KOI8R: 'koi8-r',
  KOI8U: 'koi8-u',
  WIN866: 'ibm866',
  WIN874: 'windows-874',
  WIN1250: 'windows-1250',
  WIN1251: 'windows-1251',
  WIN1252: 'windows-1252',
  WIN1253: 'windows-1253',
  WIN1254: 'windows-1254',
  WIN1255: 'windows-1255',
  WIN1256: 'windows-1256',
  WIN1257: 'windows-1257',
  WIN1258: 'windows-1258',
};

const cache = new Map<string, StreamEncoding>();

/**
 * The decoder of a server encoding. Undefined where the text could not be decoded exactly as
 * PostgreSQL would convert it: encodings of several bytes except UTF-8. SQL_ASCII says nothing about
 * its bytes; they are taken for UTF-8 and refused when they are not.
 */
export function streamEncoding(serverEncoding: string): StreamEncoding | undefined {
  const name = serverEncoding.toUpperCase();
  let encoding = cache.get(name);
  if (encoding === undefined) {
    const decode = decoderOf(name);
    if (decode === undefined) return undefined;
    encoding = { name, decode };
    cache.set(name, encoding);
  }
  return encoding;
}

function decoderOf(name: string): DecodeBytes | undefined {
  if (name === 'UTF8' || name === 'SQL_ASCII') return decodeUtf8;
  if (name === 'LATIN1') return (bytes, start, end) => bytes.latin1Slice(start, end);
  if (name === 'LATIN5') return decodeByTable(latin5Table());
  const label = LABELS[name];
  return label === undefined ? undefined : decodeByTable(tableOf(name, label));
}

/** What is not valid becomes U+FFFD, so only a text that has one needs to be looked at again. */
function decodeUtf8(bytes: Buffer, start: number, end: number): string | undefined {
  const text = bytes.utf8Slice(start, end);
  if (text.includes('\ufffd') && !isUtf8(bytes.subarray(start, end))) return undefined;
  return text;
}

/** UTF-16 units of the bytes 0 to 255; 0xfffd where PostgreSQL knows no character. */
type ByteTable = Uint16Array;

const NO_CHARACTER = 0xfffd;

function decodeByTable(table: ByteTable): DecodeBytes {
  return (bytes, start, end) => {
    // Runs of ASCII are the most of most texts.
    let text = '';
    let runStart = start;
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      if (byte < 0x80) continue;
      const unit = table[byte]!;
      if (unit === NO_CHARACTER) return undefined;
      if (runStart < at) text += bytes.latin1Slice(runStart, at);
      text += String.fromCharCode(unit);
      runStart = at + 1;
    }
    return runStart < end ? text + bytes.latin1Slice(runStart, end) : text;
  };
}

/** Node's tables are PostgreSQL's, but for bytes that stand for no character in a Windows code page. */
function tableOf(name: string, label: string): ByteTable {
  const decoder = new TextDecoder(label);
  const table = new Uint16Array(256);
  for (let byte = 0; byte < 256; byte++) {
    const unit = decoder.decode(Uint8Array.of(byte)).charCodeAt(0);
    table[byte] = name.startsWith('WIN') && isFiller(unit) ? NO_CHARACTER : unit;
  }
  if (name === 'WIN1253') table[0xaa] = NO_CHARACTER;
  return table;
}

/** A control character of C1 or one for private use. */
function isFiller(unit: number): boolean {
  return (unit >= 0x80 && unit <= 0x9f) || (unit >= 0xe000 && unit <= 0xf8ff);
}

/** WHATWG takes windows-1254 for ISO 8859-9, which is LATIN1 with six Turkish letters. */
function latin5Table(): ByteTable {
  const table = Uint16Array.from({ length: 256 }, (_, byte) => byte);
  const letters = { 0xd0: 'Ğ', 0xdd: 'İ', 0xde: 'Ş', 0xf0: 'ğ', 0xfd: 'ı', 0xfe: 'ş' };
  for (const [byte, letter] of Object.entries(letters)) {
    table[Number(byte)] = letter.charCodeAt(0);
  }
  return table;
}
