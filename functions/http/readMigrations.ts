import { ApiError } from '../../shared/api/errors.ts';
import { parseBody } from '../../shared/api/parseBody.ts';
import { invalidNameMessage, MIGRATION_NAME } from '../../shared/api/path.ts';
import { toResource } from '../../shared/api/projection.ts';
import type {
  MigrationList,
  MigrationResource,
  NameAvailability,
} from '../../shared/api/resource.ts';
import { nameAvailabilityRequestSchema } from '../../shared/api/schemas.ts';
import { LIST_FILTERS, RESOURCE_TYPE } from '../../shared/api/vocabulary.ts';
import type { MigrationRecord } from '../../shared/contracts/records.ts';
import { isEnded } from '../../shared/contracts/status.ts';
import { readDetails, readResource, requireMigration } from './answers.ts';
import { answerTagged, isOutdated, timePart, weakTag } from './conditional.ts';
import { recallDetails } from './detailMemory.ts';
import { waitForChange, wantedWaitMs } from './waitForChange.ts';
import { nextLink, readPage, readText, readTop } from './call.ts';
import type { ApiCall, ApiHandler } from './call.ts';

/** Migrations of a list whose details are read at the same time. */
const READ_AT_ONCE = 32;

/** GET with a name is the migration, without one the list. */
export const readMigrations: ApiHandler = async (call) => {
  if (call.migrationName === '') return listMigrations(call);
  let record = await requireMigration(call);
  let etag = await readTag(call, record);
  // Who knows an older state has a change to be told already.
  if (wantedWaitMs(call) > 0 && !isOutdated(call, etag)) {
    record = await waitForChange(call, record);
    etag = await readTag(call, record);
  }
  return answerTagged(call, etag, () => readResource(call, record));
};

/** The mark is read before the rows that it marks: what changes in between changes the next tag. */
async function readTag({ stores }: ApiCall, record: MigrationRecord): Promise<string> {
  return tagOf(record, await stores.marks.read('migration', record.ref.id));
}

function tagOf(record: MigrationRecord, mark: string): string {
  return weakTag(JSON.stringify(record), mark, timePart(isEnded(record.status)));
}

async function listMigrations(call: ApiCall) {
  const { query } = call.request;
  const filter = readFilter(query.get('migrationListFilter'));
  const top = readTop(query.get('$top'), '$top');
  const continuation = query.get('$skiptoken') ?? undefined;
  const marks = await call.stores.marks.readAll('migration');
  const page = await readPage('$skiptoken', () =>
    call.stores.migrations.page(call.scope, filter, { top, continuation }),
  );
  const tags = page.rows.map((record) => tagOf(record, marks.of(record.ref.id)));
  const next = nextLink(call.request, '$skiptoken', page.continuation);
  return await answerTagged(call, weakTag(next.nextLink ?? '', ...tags), async () => {
    const value: MigrationResource[] = [];
    await eachAtOnce(page.rows, READ_AT_ONCE, async (record, index) => {
      const { id } = record.ref;
      const read = () => readDetails(call, record);
      const { databases, replications } = await recallDetails(id, tags[index] ?? '', read);
      value[index] = toResource(record, databases, replications);
    });
    const list: MigrationList = { value, ...next };
    return list;
  });
}

async function eachAtOnce<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      await work(items[index] as T, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
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
