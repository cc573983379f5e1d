import type { PgSession } from '../pg/connect.ts';
import { isStepDone, markStep } from '../pg/copy/control.ts';
import type { SchemaFingerprint } from '../pg/source/schemaFingerprint.ts';

/** Marked on the target, under the stream's generation, when all tables of the plan are written. */
const PLANNED_STEP = 'onlinePlan';

/** The source's schema when the tables were planned, as JSON in the step's detail. */
const SCHEMA_STEP = 'onlineSchema';

/** From now on the stream knows all tables, and compares the source's schema with this one. */
export async function markPlanned(
  session: PgSession,
  generation: number,
  schema: SchemaFingerprint,
): Promise<void> {
  await markStep(session, SCHEMA_STEP, generation, JSON.stringify(schema));
  await markStep(session, PLANNED_STEP, generation);
}

export async function isPlanned(session: PgSession, generation: number): Promise<boolean> {
  return await isStepDone(session, PLANNED_STEP, generation);
}

/** The schema of the newest plan; empty when there is none. */
export async function readPlannedSchema(session: PgSession): Promise<SchemaFingerprint> {
  const { rows } = await session.query<{ detail: string }>(
    'select detail from pgmove.steps where step = $1 order by generation desc limit 1',
    [SCHEMA_STEP],
  );
  return JSON.parse(rows[0]?.detail ?? '{}') as SchemaFingerprint;
}
