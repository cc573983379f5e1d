import { schemaPartPath } from '../../shared/contracts/blobPaths.ts';
import { MigrationError } from '../../shared/errors/migrationError.ts';
import type { SchemaPlan } from '../../shared/pg/schema/plan.ts';
import type { ActivityEnvironment } from './defineActivity.ts';

/*
 * A schema may have more objects than a worker should hold at once: what copySchema sorts is stored
 * in parts, one for each step that comes later, with just what that step needs.
 */

const PARTS = {
  /** planCopy. */
  copy: ['database', 'leftOutRelationOids', 'indexWork'],
  /** restorePostData. */
  postData: ['database', 'postData', 'foreignKeys'],
  /** finishTarget. */
  finish: [
    'database',
    'leftOutRelationOids',
    'materializedViews',
    'rowSecurity',
    'owners',
    'privileges',
  ],
  /** completeDatabase; owners are those of event triggers alone. */
  eventTriggers: ['eventTriggers', 'owners'],
} as const satisfies Record<string, readonly (keyof SchemaPlan)[]>;

export type SchemaPartName = keyof typeof PARTS;

export type SchemaPart<Name extends SchemaPartName> = Pick<
  SchemaPlan,
  (typeof PARTS)[Name][number]
>;

export interface SchemaScope {
  database: string;
  generation: number;
}

/** Elements of a list, or of a record, in one line of a blob. */
const ELEMENTS_PER_LINE = 100;

export async function writeSchemaParts(
  env: ActivityEnvironment,
  scope: SchemaScope,
  plan: SchemaPlan,
): Promise<void> {
  const owners = plan.owners.filter(({ type }) => type === 'EVENT TRIGGER');
  for (const name of Object.keys(PARTS) as SchemaPartName[]) {
    const source = name === 'eventTriggers' ? { ...plan, owners } : plan;
    await env.stores.blobs.putLines(pathOf(env, name, scope), () => linesOf(source, PARTS[name]));
  }
}

/** @throws MigrationError internal when copySchema has not written it. */
export async function readSchemaPart<Name extends SchemaPartName>(
  env: ActivityEnvironment,
  name: Name,
  scope: SchemaScope,
): Promise<SchemaPart<Name>> {
  const lines = await env.stores.blobs.getLines<SchemaLine>(pathOf(env, name, scope));
  if (lines === undefined) {
    throw new MigrationError('internal', `${scope.database}: the schema of the copy is missing.`);
  }
  const part: Record<string, unknown> = {};
  for await (const line of lines) addLine(part, line);
  return part as unknown as SchemaPart<Name>;
}

/** The generation whose copy is complete. */
export async function copiedGeneration(
  env: ActivityEnvironment,
  database: string,
): Promise<number> {
  const row = await env.stores.databases.get(env.record.ref.id, database);
  return row?.generation ?? 0;
}

function pathOf(
  env: ActivityEnvironment,
  name: SchemaPartName,
  { database, generation }: SchemaScope,
): string {
  return schemaPartPath(env.record.ref.id, database, generation, name);
}

/** A piece of one property: of a list some elements, of a record some entries. */
type SchemaLine = Record<string, unknown>;

function* linesOf(plan: SchemaPlan, keys: readonly (keyof SchemaPlan)[]): Generator<SchemaLine> {
  for (const key of keys) {
    const value = plan[key];
    if (Array.isArray(value)) {
      // An empty list has a line too: the reader has to know that it is empty.
      for (let at = 0; at === 0 || at < value.length; at += ELEMENTS_PER_LINE) {
        yield { [key]: value.slice(at, at + ELEMENTS_PER_LINE) };
      }
      continue;
    }
    const entries = Object.entries(value);
    for (let at = 0; at === 0 || at < entries.length; at += ELEMENTS_PER_LINE) {
      yield { [key]: Object.fromEntries(entries.slice(at, at + ELEMENTS_PER_LINE)) };
    }
  }
}

function addLine(part: Record<string, unknown>, line: SchemaLine): void {
  for (const [key, value] of Object.entries(line)) {
    const known = part[key];
    if (known === undefined) part[key] = value;
    else if (Array.isArray(known)) known.push(...(value as unknown[]));
    else Object.assign(known as object, value);
  }
}
