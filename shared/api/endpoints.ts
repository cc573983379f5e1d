import type { MigrationRecord, ServerSpec } from '../contracts/records.ts';
import type { PgEndpoint } from '../pg/endpoint.ts';
import { entraPassword } from '../secrets/entraToken.ts';
import type { SecretBundle } from '../secrets/secretStore.ts';

export type Side = 'source' | 'target';

/** Where a database of one side is and how to log in. For `target`, give the name it has there. */
export function endpointOf(
  record: MigrationRecord,
  side: Side,
  database: string,
  secrets: SecretBundle,
  allowedHosts: readonly string[],
): PgEndpoint {
  return serverEndpoint(record.spec[side], side, database, secrets, allowedHosts);
}

/** The same for a server that belongs to no migration. */
export function serverEndpoint(
  server: ServerSpec,
  side: Side,
  database: string,
  secrets: SecretBundle,
  allowedHosts: readonly string[],
): PgEndpoint {
  const isSource = side === 'source';
  const password = isSource ? secrets.sourcePassword : secrets.targetPassword;
  return {
    host: server.host,
    port: server.port,
    user: server.user,
    password: server.auth === 'entra' ? entraPassword() : password,
    database,
    tls: { ...server.tls, key: isSource ? secrets.sourceTlsKey : secrets.targetTlsKey },
    allowedHosts,
    ...(server.options === undefined ? {} : { options: server.options }),
  };
}
