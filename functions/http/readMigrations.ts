import { ApiError } from '../../shared/api/errors.ts';
import { parseBody } from '../../shared/api/parseBody.ts';
import { invalidNameMessage, MIGRATION_NAME } from '../../shared/api/path.ts';
import type { MigrationList, NameAvailability } from '../../shared/api/resource.ts';
import { nameAvailabilityRequestSchema } from '../../shared/api/schemas.ts';
import { LIST_FILTERS, RESOURCE_TYPE } from '../../shared/api/vocabulary.ts';
import { answerMigration, readResource, requireMigration } from './answers.ts';
import { waitForChange } from './waitForChange.ts';
import { nextLink, readPage, readText, readTop } from './call.ts';
import type { ApiCall, ApiHandler } from './call.ts';

/** GET with a name is the migration, without one the list. */
export const readMigrations: ApiHandler = async (call) => {
  if (call.migrationName === '') return listMigrations(call);
  const record = await requireMigration(call);
  return answerMigration(call, await waitForChange(call, record));
};

async function listMigrations(call: ApiCall) {
  const { query } = call.request;
  const filter = readFilter(query.get('migrationListFilter'));
  const top = readTop(query.get('$top'), '$top');
  const continuation = query.get('$skiptoken') ?? undefined;
  const page = await readPage('$skiptoken', () =>
    call.stores.migrations.page(call.scope, filter, { top, continuation }),
  );
  const value = await Promise.all(page.rows.map((record) => readResource(call, record)));
  const list: MigrationList = { value, ...nextLink(call.request, '$skiptoken', page.continuation) };
  return { jsonBody: list };
}

function readFilter(text: string | null): (typeof LIST_FILTERS)[number] {
  if (text === null || text === '') return 'Active';
  const filter = LIST_FILTERS.find((item) => item.toLowerCase() === text.toLowerCase());
  if (filter !== undefined) return filter;
  throw new ApiError(
    400,
    'InvalidParameterValue',
    `Parameter 'migrationListFilter' must be one of ${LIST_FILTERS.join(', ')}.`,
    { target: 'migrationListFilter' },
  );
}

export const checkNameAvailability: ApiHandler = async (call) => {
  const body = parseBody(nameAvailabilityRequestSchema, await readText(call.request));
  if (body.type.toLowerCase() !== RESOURCE_TYPE.toLowerCase()) {
    throw new ApiError(
      400,
      'InvalidParameterValue',
      `Property 'type' must be '${RESOURCE_TYPE}'.`,
      { target: 'type' },
    );
  }
  const answer = (
    reason: NameAvailability['reason'],
    message: string | null,
  ): { jsonBody: NameAvailability } => ({
    jsonBody: {
      name: body.name,
      type: RESOURCE_TYPE,
      nameAvailable: reason === null,
      reason,
      message,
    },
  });
  if (!MIGRATION_NAME.test(body.name)) return answer('Invalid', invalidNameMessage());
  const existing = await call.stores.migrations.find(call.scope, body.name);
  if (existing === undefined) return answer(null, null);
  return answer('AlreadyExists', `There is a migration '${existing.ref.name}' for this server.`);
};
