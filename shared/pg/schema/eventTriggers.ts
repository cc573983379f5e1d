import { kindOf } from '../../errors/classify.ts';
import { codeOf, messageOf } from '../../errors/migrationError.ts';
import type { PgSession } from '../connect.ts';
import { inTransaction } from '../transaction.ts';
import { describeEntry } from './archive.ts';
import { notCarriedList } from './notCarried.ts';
import type { NotCarried, SchemaFailure } from './notCarried.ts';
import { alterOwner } from './ownership.ts';
import type { SchemaPlan } from './plan.ts';
import { schemaFailed, throwIfNotTheObjects } from './slices.ts';

/**
 * The last step of all: they would fire on our own statements, also on the one that drops the
 * schema pgmove. Only a superuser may create them; otherwise they are reported. Idempotent.
 */
export async function restoreEventTriggers(
  target: PgSession,
  plan: Pick<SchemaPlan, 'eventTriggers' | 'owners'>,
): Promise<NotCarried[]> {
  const report = notCarriedList();
  const failures: SchemaFailure[] = [];
  const refused = new Set<number>();
  for (const entry of plan.eventTriggers) {
    if (entry.dependencies.some((dumpId) => refused.has(dumpId))) continue;
    try {
      await inTransaction(target, () => target.query(entry.sql));
    } catch (error) {
      throwIfNotTheObjects(error);
      const code = codeOf(error);
      if (code === '42710') continue;
      refused.add(entry.dumpId);
      if (code === '42501') {
        report.add('eventTrigger', entry.name, 'Only a superuser may create event triggers.');
      } else {
        failures.push({
          object: describeEntry(entry),
          message: messageOf(error),
          code,
          kind: kindOf(error),
        });
      }
    }
  }
  if (failures.length > 0) throw schemaFailed(failures);
  for (const item of plan.owners) {
    if (item.type !== 'EVENT TRIGGER') continue;
    await target.query(alterOwner(item)).catch((error: unknown) => {
      throwIfNotTheObjects(error);
      if (codeOf(error) === '42704' && refused.size > 0) return;
      report.add(
        'ownership',
        item.object,
        `It cannot be given to ${item.owner}: ${messageOf(error)}.`,
      );
    });
  }
  return report.items();
}
