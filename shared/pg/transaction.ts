import type { PgSession } from './connect.ts';

/** Runs `work` in a transaction: commits its result, rolls back whatever it throws. */
export async function inTransaction<Result>(
  session: PgSession,
  work: () => Promise<Result>,
  begin = 'begin',
): Promise<Result> {
  await session.query(begin);
  try {
    const result = await work();
    await session.query('commit');
    return result;
  } catch (error) {
    // A broken connection cannot roll back; the server does it by itself.
    await session.query('rollback').catch(() => undefined);
    throw error;
  }
}
