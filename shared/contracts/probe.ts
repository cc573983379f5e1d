import type { MigrationErrorKind } from '../errors/migrationError.ts';
import type { ServerSpec } from './records.ts';

/** A look at servers that belong to no migration: input of probeOrchestrator and of its activity. */
export interface ProbeInput {
  /** Under it the passwords lie in the secret store for as long as the probe runs. */
  secretId: string;
  source?: ServerSpec;
  target?: ServerSpec;
  /** The source's databases too. */
  withDatabases: boolean;
}

export interface ProbeOutput {
  source?: ServerProbe;
  target?: ServerProbe;
  databases?: ProbedDatabase[];
}

export type ServerProbe =
  | {
      reachable: true;
      version: string;
      /** Protocol of the connection; absent when it is not encrypted. */
      tlsProtocol?: string;
      user: {
        name: string;
        superuser: boolean;
        replication: boolean;
        createDb: boolean;
        createRole: boolean;
      };
    }
  | { reachable: false; error: { kind: MigrationErrorKind; message: string; remedy: string } };

export interface ProbedDatabase {
  name: string;
  /** Absent where the user may not ask. */
  bytes?: number;
  encoding: string;
  collation: string;
  characterType: string;
  owner: string;
  connectable: boolean;
}
