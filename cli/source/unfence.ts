import { messageOf } from '../../shared/errors/migrationError.ts';
import { connect } from '../../shared/pg/connect.ts';
import { parseConnectionUri } from '../../shared/pg/connectionUri.ts';
import { unfence } from '../../shared/pg/source/fence.ts';
import { EXIT, usageError } from '../exitCode.ts';
import type { ExitCode } from '../exitCode.ts';
import type { UnfenceOptions } from './command.ts';

/** Needs no service: by the time a source is opened again, the one that closed it may be gone. */
export async function runUnfence(options: UnfenceOptions): Promise<ExitCode> {
  const endpoint = await parseConnectionUri(options.source, process.env).catch((error: unknown) => {
    throw usageError(`--source: ${messageOf(error)}`, error);
  });
  // The fence has made new sessions read-only; this one is to write.
  const optionText = [endpoint.options, '-c default_transaction_read_only=off'];
  const session = await connect(
    { ...endpoint, options: optionText.filter(Boolean).join(' ') },
    { applicationName: 'pgmove/cli/unfence', connectTimeoutMs: 10_000 },
  ).catch((error: unknown) => {
    throw usageError(`The source cannot be used. ${messageOf(error)}`, error);
  });
  try {
    const warnings = await unfence(session, {
      kind: 'fence',
      acl: options.acl ?? null,
      readOnly: options.readOnly ?? null,
      on: '',
    });
    for (const warning of warnings) process.stderr.write(`${warning}\n`);
    process.stdout.write(`The database "${endpoint.database}" of the source is open again.\n`);
    return warnings.length === 0 ? EXIT.succeeded : EXIT.failed;
  } finally {
    await session.close();
  }
}
