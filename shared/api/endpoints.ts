import type { MigrationRecord } from '../contracts/records.ts';
import type { PgEndpoint } from '../pg/endpoint.ts';
import type { SecretBundle } from '../secrets/secretStore.ts';

export type Side = 'source' | 'target';

/** Where a database of one side is and how to log in. For `target`, give the name it has there. */
export function endpointOf(
  record: MigrationRecord,
  side: Side,
  database: string,
  secrets: SecretBundle,
): PgEndpoint {
  const server = record.spec[side];
  const isSource = side === 'source';
  return {
    host: server.host,
    port: server.port,
    user: server.user,
    password: isSource ? secrets.sourcePassword : secrets.targetPassword,
    database,
    tls: { ...server.tls, key: isSource ? secrets.sourceTlsKey : secrets.targetTlsKey },
    ...(server.options === undefined ? {} : { options: server.options }),
  };
}
