import { MigrationError } from '../errors/migrationError.ts';

/**
 * The two written forms of a connection string, each read into its parameters by libpq's names.
 * Messages never repeat a part of the text, because any part may hold the password.
 */

/** `postgresql://user:password@host:port/dbname?name=value&…` */
export function parseUri(text: string): Map<string, string> {
  const parameters = new Map<string, string>();
  const rest = text.slice(text.indexOf('://') + 3);
  const questionMark = rest.indexOf('?', Math.max(0, rest.split('/', 1)[0]!.lastIndexOf('@')));
  const before = questionMark < 0 ? rest : rest.slice(0, questionMark);
  const slash = before.indexOf('/');
  const authority = slash < 0 ? before : before.slice(0, slash);
  readAuthority(authority, parameters);
  if (slash >= 0) set(parameters, 'dbname', decode(before.slice(slash + 1)));
  if (questionMark < 0) return parameters;
  for (const pair of rest.slice(questionMark + 1).split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    if (equals < 1) throw invalid('has a parameter without a value');
    // A later value replaces an earlier one, as in libpq.
    parameters.set(decode(pair.slice(0, equals)), decode(pair.slice(equals + 1)));
  }
  return parameters;
}

function readAuthority(authority: string, parameters: Map<string, string>): void {
  const parts = authority.split('@');
  if (parts.length > 2) throw invalid('has more than one "@"; write it as %40 inside a password');
  const [login, hosts] = parts.length === 2 ? parts : [undefined, parts[0]];
  if (login !== undefined) {
    const colon = login.indexOf(':');
    set(parameters, 'user', decode(colon < 0 ? login : login.slice(0, colon)));
    if (colon >= 0) set(parameters, 'password', decode(login.slice(colon + 1)));
  }
  const names: string[] = [];
  const ports: string[] = [];
  for (const host of (hosts ?? '').split(',')) {
    const match = /^(?:\[([^\]]+)\]|([^:[\]]*))(?::(.*))?$/s.exec(host);
    if (!match) throw invalid('has a host that is not a name, an address or an [IPv6 address]');
    names.push(decode(match[1] ?? match[2] ?? ''));
    ports.push(decode(match[3] ?? ''));
  }
  set(parameters, 'host', names.join(','));
  if (ports.some((port) => port !== '')) set(parameters, 'port', ports.join(','));
}

/** An empty part of a URI means that it is not given. */
function set(parameters: Map<string, string>, name: string, value: string): void {
  if (value !== '') parameters.set(name, value);
}

function decode(text: string): string {
  try {
    const decoded = decodeURIComponent(text);
    if (!decoded.includes('\0')) return decoded;
  } catch {
    // Falls through to the one message for both.
  }
  throw invalid('has a "%" that does not start a valid %XX; write "%" itself as %25');
}

/** `host=… dbname='with spaces' password='it\'s'` */
export function parseConninfo(text: string): Map<string, string> {
  const parameters = new Map<string, string>();
  const pattern =
    /\s*([^\s=]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)(?:[^\s\\]|\\.)*)?)(?=\s|$)/sy;
  while (text.slice(pattern.lastIndex).trim() !== '') {
    const match = pattern.exec(text);
    if (!match) {
      throw invalid('is neither a URI (postgresql://…) nor a list of name=value pairs');
    }
    const value = match[2] ?? match[3] ?? '';
    parameters.set(match[1]!, value.replace(/\\(.)/gs, '$1'));
  }
  return parameters;
}

function invalid(what: string): MigrationError {
  return new MigrationError('invalidInput', `The connection string ${what}.`);
}
