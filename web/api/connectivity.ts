/** Answers of testConnectivity and getSourceDatabaseList (openapi.json has their schemas). */
export interface ServerConnectivity {
  reachable: boolean;
  version?: string;
  /** Absent when the connection is not encrypted. */
  tlsProtocol?: string;
  user?: {
    name: string;
    superuser: boolean;
    replication: boolean;
    createDb: boolean;
    createRole: boolean;
  };
  error?: { kind: string; message: string; remedy: string };
}

export interface Connectivity {
  source?: ServerConnectivity;
  target?: ServerConnectivity;
}

export interface SourceDatabase {
  name: string;
  /** Absent where the user may not ask. */
  bytes?: number;
  encoding: string;
  collation: string;
  owner: string;
  connectable: boolean;
}
