import { formatOfFile } from '../../shared/api/report/format.ts';
import { parseConnectionUri } from '../../shared/pg/connectionUri.ts';
import { usageError } from '../exitCode.ts';
import { openApi } from '../migration/actions.ts';
import { serverNameOf } from '../migrate/requestBody.ts';
import type { ReportOptions } from './command.ts';
import { writeReportFile } from './reportFile.ts';

/** Prints the report, or writes it to the file. */
export async function runReport(name: string, options: ReportOptions): Promise<void> {
  const { output } = options;
  const format = options.format ?? formatOfFile(output ?? '');
  const api = await openApi(options, await serverOf(options));
  const text = await api.report(name, {
    format,
    ...(options.allTables ? { tables: 'all' as const } : {}),
  });
  if (output === undefined) process.stdout.write(text);
  else await writeReportFile(output, text);
}

async function serverOf({ serverName, target }: ReportOptions): Promise<string> {
  if (serverName !== undefined) return serverName;
  if (target !== undefined) return serverNameOf(await parseConnectionUri(target));
  throw usageError(
    'Which server? Give its --server-name, or the --target of pgmove migrate: a name of a migration ' +
      'is unique for its target server only.',
  );
}
