import type { HttpHandler } from '@azure/functions';
import { SERVER_ROUTE } from '../../shared/api/path.ts';
import { apiFunction } from './call.ts';
import { cancelMigration, patchMigration } from './changeMigration.ts';
import { getSourceDatabaseList, testConnectivity } from './connectivity.ts';
import { createMigration } from './createMigration.ts';
import { listEvents } from './listEvents.ts';
import { listSamples } from './listSamples.ts';
import { listTables } from './listTables.ts';
import { checkNameAvailability, readMigrations } from './readMigrations.ts';
import { readReport } from './readReport.ts';
import { readValidation } from './readValidation.ts';
import { purgeMigration, resumeMigration } from './resumeMigration.ts';

export interface ApiRoute {
  name: string;
  route: string;
  handler: HttpHandler;
}

const MIGRATIONS = `${SERVER_ROUTE}/migrations`;

/** The resource API. */
export const API_ROUTES: readonly ApiRoute[] = [
  {
    name: 'migrationList',
    route: MIGRATIONS,
    handler: apiFunction({ GET: readMigrations }),
  },
  {
    name: 'migrations',
    route: `${MIGRATIONS}/{migrationName}`,
    handler: apiFunction({
      GET: readMigrations,
      PUT: createMigration,
      PATCH: patchMigration,
      DELETE: cancelMigration,
    }),
  },
  {
    name: 'checkMigrationNameAvailability',
    route: `${SERVER_ROUTE}/checkMigrationNameAvailability`,
    handler: apiFunction({ POST: checkNameAvailability }),
  },
  {
    name: 'testConnectivity',
    route: `${SERVER_ROUTE}/testConnectivity`,
    handler: apiFunction({ POST: testConnectivity }),
  },
  {
    name: 'getSourceDatabaseList',
    route: `${SERVER_ROUTE}/getSourceDatabaseList`,
    handler: apiFunction({ POST: getSourceDatabaseList }),
  },
  {
    name: 'resumeMigration',
    route: `${MIGRATIONS}/{migrationName}/resume`,
    handler: apiFunction({ POST: resumeMigration }),
  },
  {
    name: 'purgeMigration',
    route: `${MIGRATIONS}/{migrationName}/purge`,
    handler: apiFunction({ POST: purgeMigration }),
  },
  {
    name: 'migrationValidation',
    route: `${MIGRATIONS}/{migrationName}/validation`,
    handler: apiFunction({ GET: readValidation }),
  },
  {
    name: 'migrationReport',
    route: `${MIGRATIONS}/{migrationName}/report`,
    handler: apiFunction({ GET: readReport }),
  },
  {
    name: 'migrationEvents',
    route: `${MIGRATIONS}/{migrationName}/events`,
    handler: apiFunction({ GET: listEvents }),
  },
  {
    name: 'migrationTables',
    route: `${MIGRATIONS}/{migrationName}/databases/{databaseName}/tables`,
    handler: apiFunction({ GET: listTables }),
  },
  {
    name: 'migrationSamples',
    route: `${MIGRATIONS}/{migrationName}/databases/{databaseName}/samples`,
    handler: apiFunction({ GET: listSamples }),
  },
];
