import { ApiError, invalidProperty } from '../../shared/api/errors.ts';
import type { TableList } from '../../shared/api/resource.ts';
import { TABLE_STATES } from '../../shared/api/vocabulary.ts';
import type { TableRecord } from '../../shared/contracts/records.ts';
import { isEnded } from '../../shared/contracts/status.ts';
import type { TableState } from '../../shared/contracts/status.ts';
import type { Page } from '../../shared/state/stores.ts';
import { tablesMark } from '../../shared/state/tableStore.ts';
import { requireDatabase, requireMigration } from './answers.ts';
import { nextLink, readPage, readTop } from './call.ts';
import type { ApiCall, ApiHandler } from './call.ts';
import { answerTagged, timePart, weakTag } from './conditional.ts';

/** What needs somebody first, what is over last. */
const BY_STATE = ['failed', 'copying', 'indexing', 'queued', 'completed'] as const;

interface TablesQuery {
  /** Undefined: in the order of the table ids. */
  states: readonly TableState[] | undefined;
  top: number;
  continuation: string | undefined;
}

/** GET …/databases/{databaseName}/tables, page by page. */
export const listTables: ApiHandler = async (call) => {
  const { ref, status } = await requireMigration(call);
  const query = readQuery(call);
  const { database, mark } = await readMark(call, ref.id);
  const etag = weakTag(call.request.url, mark, timePart(isEnded(status)));
  return answerTagged(call, etag, async () => {
    const page = await readPage('continuation', () =>
      query.states === undefined
        ? call.stores.tables.page(ref.id, database, query)
        : pageByState(call, ref.id, database, { ...query, states: query.states }),
    );
    const list: TableList = {
      value: page.rows,
      ...nextLink(call.request, 'continuation', page.continuation),
    };
    return list;
  });
};

/** There is a mark as soon as there are tables; then the database's own row need not be read. */
async function readMark(
  call: ApiCall,
  migrationId: string,
): Promise<{ database: string; mark: string }> {
  const read = (database: string) =>
    call.stores.marks.read('tables', tablesMark(migrationId, database));
  const name = call.request.params.databaseName ?? '';
  const mark = await read(name);
  if (mark !== '') return { database: name, mark };
  const { database } = await requireDatabase(call, migrationId);
  return { database, mark: database === name ? '' : await read(database) };
}

/**
 * One state after the other, each by a filter of the storage: nothing is sorted, and what has failed
 * comes first however many tables there are. A table that changes its state between two pages may
 * come twice or not at all.
 */
async function pageByState(
  { stores }: ApiCall,
  migrationId: string,
  database: string,
  { states, top, continuation }: TablesQuery & { states: readonly TableState[] },
): Promise<Page<TableRecord>> {
  let { index, token } = readPlace(states, continuation);
  const rows: TableRecord[] = [];
  while (index < states.length && rows.length < top) {
    const page = await stores.tables.page(migrationId, database, {
      state: states[index],
      top: top - rows.length,
      continuation: token,
    });
    rows.push(...page.rows);
    token = page.continuation;
    if (token === undefined) index += 1;
  }
  if (index >= states.length) return { rows };
  return { rows, continuation: `${states[index]}:${token ?? ''}` };
}

function readPlace(
  states: readonly TableState[],
  continuation: string | undefined,
): { index: number; token: string | undefined } {
  if (continuation === undefined) return { index: 0, token: undefined };
  const [, state, token] = /^([a-z]+):(.*)$/.exec(continuation) ?? [];
  const index = states.findIndex((item) => item === state);
  if (index < 0) throw new SyntaxError('not a continuation of this list');
  return { index, token: token === '' ? undefined : token };
}

function readQuery({ request: { query } }: ApiCall): TablesQuery {
  const name = query.has('$top') ? '$top' : 'top';
  const states = readStates(query.get('state'));
  const order = query.get('$orderby') ?? '';
  if (order !== '' && order.toLowerCase() !== 'state') {
    throw invalidProperty('$orderby', "Parameter '$orderby' must be state.");
  }
  const isByState = order !== '' || states !== undefined;
  return {
    states: isByState ? BY_STATE.filter((state) => states?.has(state) ?? true) : undefined,
    top: readTop(query.get(name), name),
    continuation: query.get('continuation') ?? undefined,
  };
}

/** One state, or several with commas between them. */
function readStates(text: string | null): Set<TableState> | undefined {
  if (text === null || text === '') return undefined;
  const states = text.split(',').map((item) => item.trim().toLowerCase());
  const known = TABLE_STATES.filter((state) => states.includes(state));
  if (known.length === new Set(states).size) return new Set(known);
  throw new ApiError(
    400,
    'InvalidParameterValue',
    `Parameter 'state' must be one or more of ${TABLE_STATES.join(', ')}.`,
    { target: 'state' },
  );
}
