import { connect } from '../../pg/connect.ts';
import type { PgEndpoint } from '../../pg/endpoint.ts';
import { COPY_SETTINGS } from '../../pg/copy/copySessions.ts';
import type { CopyItem } from '../../pg/copy/batch.ts';
import { safeError } from '../../pg/copy/failure.ts';
import { pipeItems } from '../../pg/copy/pipeItems.ts';
import type { CopyResult } from '../../pg/copy/pipe.ts';
import { ReusedBufferSocket } from '../../pg/copy/reusedBufferSocket.ts';
import { clearTables } from '../../pg/copy/targetTables.ts';
import { inTransaction } from '../../pg/transaction.ts';
import { becomeReplica } from '../replicaRole.ts';

export interface CopyAgainOptions {
  source: PgEndpoint;
  target: PgEndpoint;
  /** Whole tables whose rows on the target are ours. */
  items: readonly CopyItem[];
  applicationName: string;
  signal: AbortSignal;
}

/**
 * Replaces the rows of tables that no stream keeps up to date, all of them in one transaction.
 *
 * @returns what was copied, in the order of the items.
 */
export async function copyAgain(options: CopyAgainOptions): Promise<CopyResult[]> {
  const { applicationName, signal } = options;
  await using target = await connect(options.target, {
    applicationName,
    signal,
    settings: COPY_SETTINGS,
  });
  await using source = await connect(options.source, {
    applicationName,
    signal,
    plainSocket: () => new ReusedBufferSocket(),
    settings: { ...COPY_SETTINGS, default_transaction_read_only: 'on' },
  });
  const { items } = options;
  await becomeReplica(target);
  try {
    await source.query('begin isolation level repeatable read read only');
    return await inTransaction(target, async () => {
      await clearTables(target, items);
      return await pipeItems(source, target, items, new Set(), options);
    });
  } catch (error) {
    throw safeError(error, 'Unlogged tables could not be copied again');
  }
}
