import { appendFile, writeFile } from 'node:fs/promises';
import { CommandError, EXIT, usageError } from '../exitCode.ts';

/** Known before the work, not after it; an earlier report stays until there is a new one. */
export async function checkReportFile(file: string): Promise<void> {
  try {
    await appendFile(file, '');
  } catch (error) {
    throw usageError(sentence(error), error);
  }
}

export async function writeReportFile(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new CommandError(EXIT.failed, sentence(error));
  }
}

function sentence(error: unknown): string {
  return `The report cannot be written: ${error instanceof Error ? error.message : String(error)}`;
}
