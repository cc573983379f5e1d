/**
 * What every connection of pgmove fixes, so that a value's text never depends on the server's, the
 * database's or the role's settings (a session under DateStyle "SQL, DMY" would swap day and month
 * without an error).
 */
export const SESSION_SETTINGS: Readonly<Record<string, string>> = {
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: '3',
  bytea_output: 'hex',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  xmloption: 'content',
  search_path: '',
  row_security: 'off',
  synchronize_seqscans: 'off',
  quote_all_identifiers: 'off',
  default_transaction_read_only: 'off',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  check_function_bodies: 'off',
};

/** Settings that exist only from a server version on. */
const SETTINGS_BY_VERSION: readonly (readonly [number, string, string])[] = [
  [140000, 'idle_session_timeout', '0'],
  [170000, 'transaction_timeout', '0'],
];

/** One statement that fixes the session, run as the first one of every connection. */
export function sessionSql(
  serverVersion: number,
  overrides: Readonly<Record<string, string>> = {},
): string {
  const settings = { ...SESSION_SETTINGS };
  for (const [since, name, value] of SETTINGS_BY_VERSION) {
    if (serverVersion >= since) settings[name] = value;
  }
  Object.assign(settings, overrides);
  const calls = Object.entries(settings).map(
    ([name, value]) => `pg_catalog.set_config('${name}', '${value.replaceAll("'", "''")}', false)`,
  );
  return `select ${calls.join(', ')}`;
}
