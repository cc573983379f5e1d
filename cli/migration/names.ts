import { randomUUID } from 'node:crypto';
import { usageError } from '../exitCode.ts';
import type { CommonOptions } from './command.ts';

export interface ResourceNames {
  server: string;
  migration: string;
}

/** Sorts out both forms of the Azure CLI's names. */
export function resolveNames(
  options: Pick<CommonOptions, 'name' | 'serverName' | 'migrationName'>,
): ResourceNames {
  const { name, serverName, migrationName } = options;
  if (serverName !== undefined) {
    if (name !== undefined && migrationName !== undefined) {
      throw usageError('With --server-name, --name is the migration: leave --migration-name out.');
    }
    const migration = name ?? migrationName;
    if (migration === undefined) throw usageError('Which migration? Give its --name.');
    return { server: serverName, migration };
  }
  if (name !== undefined && migrationName !== undefined) {
    return { server: name, migration: migrationName };
  }
  throw usageError(
    'Which migration? Give --server-name and --name, or --name and --migration-name.',
  );
}

/** A new migration may go without a name and gets a UUID, as from the Azure CLI. */
export function resolveNewNames(options: CommonOptions): ResourceNames {
  const { name, serverName, migrationName } = options;
  if (serverName !== undefined && name === undefined && migrationName === undefined) {
    return { server: serverName, migration: randomUUID() };
  }
  if (serverName === undefined && name !== undefined && migrationName === undefined) {
    return { server: name, migration: randomUUID() };
  }
  return resolveNames(options);
}

/** For commands that are about a server only: either form of its name. */
export function resolveServer(options: CommonOptions): string {
  const server = options.serverName ?? options.name;
  if (server === undefined) throw usageError('Which server? Give --server-name.');
  return server;
}
