import { streamEncoding } from '../wal/encoding.ts';
import type { DatabaseRule } from './rule.ts';

/** Online: the stream comes in the database's own encoding and is decoded here (T8). */
export const streamEncodingKnown: DatabaseRule = {
  id: 'stream-encoding',
  type: 'CollationsValidation',
  severity: { online: 'Failed' },
  looksAt: "Whether the change stream can be decoded exactly in the database's encoding.",
  remedy: 'Migrate the database offline, or convert it to UTF8 first.',
  async check({ source }) {
    const { rows } = await source.query<{ encoding: string }>(
      `select pg_catalog.pg_encoding_to_char(encoding) as encoding
       from pg_catalog.pg_database where datname = pg_catalog.current_database()`,
    );
    const encoding = rows[0]?.encoding ?? '';
    if (streamEncoding(encoding) === undefined) {
      const message =
        `The change stream of a database in ${encoding} cannot be decoded exactly. ` +
        'Migrate it offline.';
      return [{ message }];
    }
    if (encoding !== 'SQL_ASCII') return [];
    const message =
      'The database is in SQL_ASCII, which says nothing about its bytes. They are ' +
      'taken for UTF-8; text that is not stops the stream.';
    return [{ state: 'Warning', message }];
  },
};
