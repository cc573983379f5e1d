import { formatOfFile } from '../../shared/api/report/format.ts';
import { openNamed } from '../migration/openNamed.ts';
import type { ReportOptions } from './command.ts';
import { writeReportFile } from './reportFile.ts';

/** Prints the report, or writes it to the file. */
export async function runReport(name: string, options: ReportOptions): Promise<void> {
  const { output } = options;
  const format = options.format ?? formatOfFile(output ?? '');
  const api = await openNamed(name, options);
  const text = await api.report(name, {
    format,
    ...(options.allTables ? { tables: 'all' as const } : {}),
  });
  if (output === undefined) process.stdout.write(text);
  else await writeReportFile(output, text);
}
