import { z } from 'zod';
import type { ServerSpec } from '../contracts/records.ts';
import type { SecretBundle } from '../secrets/secretStore.ts';
import { secretsOf, sourceOf, targetOf } from './draft.ts';
import { invalidProperty } from './errors.ts';
import type { ServerPath } from './path.ts';
import { putBodySchema, tagsSchema } from './schemas.ts';
import type { PutProperties } from './schemas.ts';

/** The body of a PUT, of which only what leads to the servers is read. */
export const connectionBodySchema = z
  .strictObject({
    location: z.string().max(100, 'is too long').optional(),
    tags: tagsSchema.optional(),
    properties: putBodySchema.shape.properties,
  })
  .meta({
    id: 'ConnectionProperties',
    description: 'An addition of pgmove: as in MigrationForPut.',
  });

const serverConnectivity = z
  .object({
    reachable: z.boolean(),
    version: z.string().optional(),
    tlsProtocol: z.string().optional().describe('Absent when the connection is not encrypted.'),
    user: z
      .object({
        name: z.string(),
        superuser: z.boolean(),
        replication: z.boolean(),
        createDb: z.boolean(),
        createRole: z.boolean(),
      })
      .optional(),
    error: z
      .object({ kind: z.string(), message: z.string(), remedy: z.string() })
      .optional()
      .describe('Of a server that is not reachable.'),
  })
  .meta({ id: 'ServerConnectivity' });

export const connectivitySchema = z
  .object({ source: serverConnectivity.optional(), target: serverConnectivity.optional() })
  .meta({ id: 'Connectivity', description: 'Each side that the body names.' });

export const sourceDatabaseListSchema = z
  .object({
    value: z.array(
      z.object({
        name: z.string(),
        bytes: z.number().optional().describe('Absent where the user may not ask.'),
        encoding: z.string(),
        collation: z.string(),
        characterType: z.string(),
        owner: z.string(),
        connectable: z.boolean(),
      }),
    ),
  })
  .meta({ id: 'SourceDatabaseList' });

export interface ConnectionDraft {
  source?: ServerSpec;
  target?: ServerSpec;
  secrets: SecretBundle;
}

/**
 * The servers that a body names: each side by what is needed to log in there.
 *
 * @throws ApiError 400 that names the property.
 */
export function draftConnections(
  path: ServerPath,
  p: PutProperties,
  sides: readonly ('source' | 'target')[],
): ConnectionDraft {
  const sslMode =
    p.sslMode ?? (p.sourceType === 'PostgreSQLSingleServer' ? 'VerifyFull' : 'Prefer');
  const namesSource =
    p.sourceDbServerResourceId !== undefined ||
    p.sourceDbServerFullyQualifiedDomainName !== undefined;
  const namesTarget = p.secretParameters?.targetServerUsername !== undefined;
  const isSourceOnly = !sides.includes('target');
  if (!namesSource && (isSourceOnly || !namesTarget)) {
    const target = 'properties.sourceDbServerResourceId';
    throw invalidProperty(target, `Property '${target}' is needed: host:port@user.`);
  }
  return {
    ...(namesSource ? { source: sourceOf(p, sslMode) } : {}),
    ...(namesTarget && !isSourceOnly ? { target: targetOf(path, p, sslMode) } : {}),
    secrets: secretsOf(p),
  };
}
