import { codeOf } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import type { ArchiveEntry } from './archive.ts';
import { notCarriedList } from './notCarried.ts';
import type { NotCarried } from './notCarried.ts';
import type { SchemaPlan } from './plan.ts';
import { runInSlices } from './slices.ts';
import type { Tolerated } from './slices.ts';

export interface RestoreOptions {
  /** Steps of an older generation (another snapshot) do not count as done. */
  generation: number;
  signal?: AbortSignal;
}

/**
 * Restores the pre-data in transactional slices, each with its marker in pgmove.steps. Everything
 * belongs to the target's user until applyOwnership.
 */
export async function restorePreData(
  target: PgSession,
  plan: Pick<SchemaPlan, 'preData' | 'database'>,
  options: RestoreOptions,
): Promise<NotCarried[]> {
  const report = notCarriedList();
  if (!plan.database.hasPublicSchema) await dropPublicSchema(target);
  await runInSlices(target, {
    stage: 'preData',
    entries: plan.preData,
    generation: options.generation,
    defaultSearchPath: plan.database.defaultSearchPath,
    tolerate: tolerateEntry,
    report,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  return report.items();
}

/** The template gave the new database a schema that the source has not; dumps do not say so. */
async function dropPublicSchema(target: PgSession): Promise<void> {
  await target
    .query('set client_min_messages = error; drop schema if exists public')
    .catch(() => undefined);
  await target.query('reset client_min_messages');
}

/** Failures that are a note in the result: things beside the data that need rights or roles. */
export function tolerateEntry(entry: ArchiveEntry, error: unknown): Tolerated | undefined {
  const code = codeOf(error);
  const isMissingRight = code === '42501';
  const isMissingRole = code === '42704' && messageText(error).startsWith('role ');
  if (entry.type === 'SCHEMA' && code === '42P06') return 'silently';
  if (entry.type === 'COMMENT' && isMissingRight) {
    return { subject: 'comment', reason: "Only the object's owner may comment on it." };
  }
  if (entry.type === 'SECURITY LABEL') {
    return { subject: 'securityLabel', reason: `The label is refused: ${messageText(error)}.` };
  }
  if (entry.type === 'USER MAPPING' && (isMissingRole || isMissingRight)) {
    return { subject: 'userMapping', reason: `${messageText(error)}. Create it on the target.` };
  }
  if (entry.type === 'POLICY' && isMissingRole) {
    return {
      subject: 'policy',
      reason: `It names a role that the target lacks (${messageText(error)}). Rows stay hidden until it is created.`,
    };
  }
  if (entry.type.startsWith('PUBLICATION') && isMissingRight) {
    return { subject: 'publication', reason: `The target's user may not: ${messageText(error)}.` };
  }
  return undefined;
}

function messageText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
