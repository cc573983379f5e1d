import type { ProbedDatabase, ServerProbe } from '../../shared/contracts/probe.ts';
import { kindOf } from '../../shared/errors/classify.ts';
import { messageOf } from '../../shared/errors/migrationError.ts';
import type { MigrationErrorKind } from '../../shared/errors/migrationError.ts';
import type { PgSession } from '../../shared/pg/connect.ts';
import { versionText } from './serverCheck.ts';

const REMEDIES: Partial<Record<MigrationErrorKind, string>> = {
  connectionFailed:
    'Check host and port, that the server accepts connections from here (listen_addresses, ' +
    'pg_hba.conf), and firewalls and name resolution in between.',
  authenticationFailed:
    'Check user and password, and that pg_hba.conf lets this user in from here.',
  tlsFailed:
    'Choose an sslMode that the server offers (Prefer, where it has no TLS), or give the ' +
    'certificate authority that signed its certificate (sourceTls.ca, targetTls.ca).',
  databaseMissing: 'The user needs a database to log in to: postgres, template1 or defaultdb.',
  permissionDenied: 'Grant the user CONNECT on the database postgres.',
  resourceExhausted: 'The server has no connection to spare: close some, or raise max_connections.',
};

/** Why a server could not be used; the text has no password. */
export function unreachable(error: unknown): Extract<ServerProbe, { reachable: false }> {
  const kind = kindOf(error);
  const remedy = REMEDIES[kind] ?? 'See what the server says, and its log.';
  return { reachable: false, error: { kind, message: messageOf(error), remedy } };
}

/** What a session's server is and what its user may do there. */
export async function probeServer(session: PgSession): Promise<ServerProbe> {
  const { rows } = await session.query<{
    tls: string | null;
    name: string;
    superuser: boolean;
    replication: boolean;
    createDb: boolean;
    createRole: boolean;
  }>(
    // Providers give the right to replicate by a membership.
    `select (select version from pg_catalog.pg_stat_ssl where pid = pg_catalog.pg_backend_pid())
         as tls,
       rolname as name, rolsuper as superuser,
       rolreplication or exists (
         select 1 from pg_catalog.pg_roles as p
         where p.rolname in ('rds_replication', 'rds_superuser', 'alloydbsuperuser')
           and pg_catalog.pg_has_role(r.oid, p.oid, 'member')) as replication,
       rolcreatedb as "createDb", rolcreaterole as "createRole"
     from pg_catalog.pg_roles as r where rolname = current_user`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('The session has no role.');
  const { tls, ...user } = row;
  return {
    reachable: true,
    version: versionText(session.serverVersion),
    ...(tls === null ? {} : { tlsProtocol: tls }),
    user,
  };
}

/** The databases of users, largest first. */
export async function listDatabases(session: PgSession): Promise<ProbedDatabase[]> {
  const { rows } = await session.query<Omit<ProbedDatabase, 'bytes'> & { bytes: string | null }>(
    `select datname as name,
       case when datallowconn and pg_catalog.has_database_privilege(oid, 'connect')
         then pg_catalog.pg_database_size(oid) end as bytes,
       pg_catalog.pg_encoding_to_char(encoding) as encoding,
       coalesce(datcollate, '') as collation, coalesce(datctype, '') as "characterType",
       pg_catalog.pg_get_userbyid(datdba) as owner,
       datallowconn and pg_catalog.has_database_privilege(oid, 'connect') as connectable
     from pg_catalog.pg_database
     where not datistemplate and datname not in
       ('azure_sys', 'azure_maintenance', 'rdsadmin', 'cloudsqladmin', 'alloydbadmin')
     order by 2 desc nulls last, 1`,
  );
  return rows.map(({ bytes, ...row }) => ({
    ...row,
    ...(bytes === null ? {} : { bytes: Number(bytes) }),
  }));
}
