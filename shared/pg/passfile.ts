import { readFile, stat } from 'node:fs/promises';

export interface PassfileQuery {
  host: string;
  port: number;
  database: string;
  user: string;
}

/**
 * Looks a password up in a passfile (`host:port:database:user:password` per line, `*` matches
 * anything, `\` escapes `:` and itself), by the rules of libpq: the first line that fits wins, and
 * a file that group or others may access is ignored with a warning.
 */
export async function readPassfile(
  file: string,
  query: PassfileQuery,
): Promise<string | undefined> {
  const status = await stat(file).catch(() => undefined);
  if (status === undefined || !status.isFile()) return undefined;
  if (process.platform !== 'win32' && (status.mode & 0o077) !== 0) {
    process.emitWarning(
      `The password file ${file} is ignored: group or others may access it (chmod 0600).`,
    );
    return undefined;
  }
  const wanted = [query.host, String(query.port), query.database, query.user];
  for (const line of (await readFile(file, 'utf8')).split(/\r?\n/)) {
    if (line === '' || line.startsWith('#')) continue;
    const fields = splitLine(line);
    if (fields.length < 5) continue;
    const matches = wanted.every((value, index) => {
      const field = fields[index];
      return field !== undefined && (field.raw === '*' || field.text === value);
    });
    if (matches) return fields[4]?.text;
  }
  return undefined;
}

interface Field {
  raw: string;
  text: string;
}

/** Five fields; the last one runs to the end of the line, colons included. */
function splitLine(line: string): Field[] {
  const fields: Field[] = [];
  let raw = '';
  let text = '';
  for (let index = 0; index < line.length; index++) {
    const char = line.charAt(index);
    if (char === '\\' && index + 1 < line.length) {
      index += 1;
      raw += char + line.charAt(index);
      text += line.charAt(index);
      continue;
    }
    if (char === ':' && fields.length < 4) {
      fields.push({ raw, text });
      raw = '';
      text = '';
      continue;
    }
    raw += char;
    text += char;
  }
  fields.push({ raw, text });
  return fields;
}
