import type { ServerConnectivity } from '../../api/connectivity.ts';
import { Notice } from '../../components/notice.tsx';

interface ConnectionResultProps {
  result: ServerConnectivity;
  isOnline: boolean;
  side: 'source' | 'target';
}

export function ConnectionResult({ result, isOnline, side }: ConnectionResultProps) {
  const { reachable, version, tlsProtocol, user, error } = result;
  if (!reachable) {
    return (
      <Notice tone="bad" title="The server cannot be used" isAlert>
        <p>{error?.message}</p>
        <p>{error?.remedy}</p>
      </Notice>
    );
  }
  const isAdmin = user?.superuser === true;
  const lacksReplication = side === 'source' && isOnline && !isAdmin && !user?.replication;
  const lacksCreateDb = side === 'target' && !isAdmin && !user?.createDb;
  return (
    <>
      <Notice tone="good" title="The connection works">
        <p>
          PostgreSQL {version}, {tlsProtocol === undefined ? 'not encrypted' : tlsProtocol}, as{' '}
          {user?.name}
        </p>
      </Notice>
      {lacksReplication ? (
        <Notice tone="warn" title="The user may not replicate">
          <p>
            An online migration needs the attribute REPLICATION (or the provider's role for it).
          </p>
        </Notice>
      ) : null}
      {lacksCreateDb ? (
        <Notice tone="warn" title="The user may not create databases">
          <p>The target databases have to be there already, or the user needs CREATEDB.</p>
        </Notice>
      ) : null}
    </>
  );
}
