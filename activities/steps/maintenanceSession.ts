import { kindOf } from '../../shared/errors/classify.ts';
import { connect } from '../../shared/pg/connect.ts';
import type { PgSession } from '../../shared/pg/connect.ts';
import { withDatabase } from '../../shared/pg/endpoint.ts';
import type { PgEndpoint } from '../../shared/pg/endpoint.ts';

/** Databases that a server has whether or not the user's own are there yet. */
const MAINTENANCE_DATABASES = ['postgres', 'template1', 'defaultdb'] as const;

/** A session on a database of the server that is not the one to be created or dropped. */
export async function openMaintenance(
  endpoint: PgEndpoint,
  applicationName: string,
  otherThan?: string,
): Promise<PgSession> {
  let failure: unknown;
  for (const database of MAINTENANCE_DATABASES) {
    if (database === otherThan) continue;
    try {
      return await connect(withDatabase(endpoint, database), { applicationName });
    } catch (error) {
      failure ??= error;
      if (!['databaseMissing', 'permissionDenied'].includes(kindOf(error))) throw error;
    }
  }
  throw failure;
}
