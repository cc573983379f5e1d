import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import { toSummary } from '../../shared/api/summary.ts';
import type { MigrationSummaryList } from '../../shared/api/summary.ts';
import { answerChecked } from './call.ts';
import { answerTagged, timePart, weakTag } from './conditional.ts';
import { ALL_MIGRATIONS } from '../../shared/state/migrationStore.ts';

/**
 * GET /providers/Microsoft.DBforPostgreSQL/migrations: the migrations of every server, newest first, as
 * lines of a list. It reads the rows of the migrations only, not those of their databases.
 */
export function listEverywhere(
  request: HttpRequest,
  context: InvocationContext,
): Promise<HttpResponseInit> {
  return answerChecked(request, context, async ({ stores }) => {
    const mark = await stores.marks.read('rows', ALL_MIGRATIONS);
    return answerTagged({ request }, weakTag(mark, timePart(false)), async () => {
      const list: MigrationSummaryList = { value: [] };
      for await (const record of stores.migrations.listEverywhere()) {
        list.value.push(toSummary(record));
      }
      list.value.sort((a, b) => Date.parse(b.startedOn) - Date.parse(a.startedOn));
      return list;
    });
  });
}
