import { ApiError } from '../../shared/api/errors.ts';
import type { TableList } from '../../shared/api/resource.ts';
import { TABLE_STATES } from '../../shared/api/vocabulary.ts';
import type { DatabaseRecord } from '../../shared/contracts/records.ts';
import { requireMigration } from './answers.ts';
import { nextLink, readPage, readTop } from './call.ts';
import type { ApiCall, ApiHandler } from './call.ts';

/** GET …/databases/{databaseName}/tables, page by page, in the order of the table ids. */
export const listTables: ApiHandler = async (call) => {
  const record = await requireMigration(call);
  const { database } = await requireDatabase(call, record.ref.id);
  const { query } = call.request;
  const top = readTop(query.get('top'), 'top');
  const continuation = query.get('continuation') ?? undefined;
  const state = readState(query.get('state'));
  const page = await readPage('continuation', () =>
    call.stores.tables.page(record.ref.id, database, { state, top, continuation }),
  );
  const list: TableList = {
    value: page.rows,
    ...nextLink(call.request, 'continuation', page.continuation),
  };
  return { jsonBody: list };
};

/** Some hosts leave an encoded slash of the path as it is. */
async function requireDatabase(call: ApiCall, migrationId: string): Promise<DatabaseRecord> {
  const name = call.request.params.databaseName ?? '';
  for (const candidate of [name, name.replace(/%2f/gi, '/')]) {
    const found = await call.stores.databases.get(migrationId, candidate);
    if (found !== undefined) return found;
  }
  throw new ApiError(
    404,
    'ResourceNotFound',
    `Migration '${call.migrationName}' has no database '${name}', or has not begun with it.`,
  );
}

function readState(text: string | null) {
  if (text === null || text === '') return undefined;
  const state = TABLE_STATES.find((item) => item === text.toLowerCase());
  if (state !== undefined) return state;
  throw new ApiError(
    400,
    'InvalidParameterValue',
    `Parameter 'state' must be one of ${TABLE_STATES.join(', ')}.`,
    { target: 'state' },
  );
}
