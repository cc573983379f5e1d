import type { RowChange } from '../messages.ts';
import type { Tuple } from '../tuple.ts';
import type { ApplyTable } from './catalog.ts';
import { divergence } from './divergence.ts';
import { withAlwaysWritable } from './identityAlways.ts';
import { written } from './merge.ts';
import type { ChangeOrigin } from './merge.ts';
import { Parameters } from './parameters.ts';
import { rowCondition } from './rowCondition.ts';
import { overridingSql } from './setStatements.ts';
import { identityOf, schemaChanged } from './shape.ts';
import type { Field } from './shape.ts';
import type { TargetSession } from './targetSession.ts';

/**
 * Applies one change by a statement of its own, with `values` instead of the message's where some
 * had to be read back.
 *
 * @throws MigrationError diverged when it does not touch exactly one row.
 */
export async function applySingle(
  target: TargetSession,
  table: ApplyTable,
  change: RowChange,
  origin: ChangeOrigin,
  options: { values: Tuple | undefined; isNullUnsure: boolean },
): Promise<void> {
  if (change.action === 'I') return applyInsert(target, table, change, origin, options.values);
  const { identity, identityValues } = change;
  if (identity === undefined || identityValues === undefined || identity.names.length === 0) {
    const what = 'the message does not say which row; the table has no usable replica identity';
    throw divergence(table, change, origin, what);
  }
  const binding = identityOf(table, identity);
  const condition = await rowCondition(target, table, binding, identityValues, {
    ...options,
    onAmbiguous: (what) => divergence(table, change, origin, what),
  });
  if (change.action === 'U') {
    return applyUpdate(target, table, change, origin, condition, options.values);
  }
  const parameters = new Parameters();
  const where = condition(parameters);
  const count = await target.run(
    `delete from only ${table.sql} t where ${where}`,
    parameters.values,
  );
  expectOne(table, change, origin, count);
}

async function applyInsert(
  target: TargetSession,
  table: ApplyTable,
  change: RowChange,
  origin: ChangeOrigin,
  readValues: Tuple | undefined,
): Promise<void> {
  const { shape, values } = written(table, change);
  if (shape.missingForInsert !== undefined) {
    throw schemaChanged(
      table,
      `an inserted row has no value for the target's column ${shape.missingForInsert}`,
    );
  }
  const parameters = new Parameters();
  const elements = shape.fields.map(({ column, index }) =>
    parameters.add(column, (readValues ?? values).at(index)),
  );
  const names = shape.fields.map(({ column }) => column.sql).join(', ');
  const text =
    elements.length === 0
      ? `insert into ${table.sql} default values`
      : `insert into ${table.sql} (${names}) ${overridingSql(table)}values (${elements.join(', ')})`;
  expectOne(table, change, origin, await target.run(text, parameters.values));
}

async function applyUpdate(
  target: TargetSession,
  table: ApplyTable,
  change: RowChange,
  origin: ChangeOrigin,
  condition: (parameters: Parameters) => string,
  readValues: Tuple | undefined,
): Promise<void> {
  const { shape, values: told } = written(table, change);
  if (shape.missingForUpdate !== undefined) {
    throw schemaChanged(
      table,
      `an updated row has no value for the target's column ${shape.missingForUpdate}`,
    );
  }
  const values = readValues ?? told;
  const isUnchanged = ({ column, index }: Field) => {
    const old = change.identity?.names.indexOf(column.name) ?? -1;
    return old >= 0 && change.identityValues?.at(old) === values.at(index);
  };
  const always = shape.fields.filter(
    (field) => field.column.identity === 'a' && !isUnchanged(field),
  );
  const parameters = new Parameters();
  const isChanged = await changesAlways(target, table, always, values, condition);
  const fields = shape.fields.filter(({ column }) => column.identity !== 'a' || isChanged);
  const assignments = fields.map(
    ({ column, index }) => `${column.sql} = ${parameters.add(column, values.at(index))}`,
  );
  const where = condition(parameters);
  const text =
    assignments.length === 0
      ? `select from only ${table.sql} t where ${where}`
      : `update only ${table.sql} t set ${assignments.join(', ')} where ${where}`;
  const update = () => target.run(text, parameters.values);
  const count = await (isChanged ? withAlwaysWritable(target, table, update) : update());
  expectOne(table, change, origin, count);
}

/** Whether an update changes a GENERATED ALWAYS column of the row it finds. */
async function changesAlways(
  target: TargetSession,
  table: ApplyTable,
  always: readonly Field[],
  values: Tuple,
  condition: (parameters: Parameters) => string,
): Promise<boolean> {
  if (always.length === 0) return false;
  const parameters = new Parameters();
  const changed = always.map(
    ({ column, index }) =>
      `t.${column.sql} is distinct from ${parameters.add(column, values.at(index))}`,
  );
  const where = `(${changed.join(' or ')}) and ${condition(parameters)}`;
  const text = `select from only ${table.sql} t where ${where}`;
  return (await target.run(text, parameters.values)) > 0;
}

function expectOne(
  table: ApplyTable,
  change: RowChange,
  origin: ChangeOrigin,
  count: number,
): void {
  if (count === 1) return;
  const what = count === 0 ? 'there is no such row' : `it touched ${count} rows instead of one`;
  throw divergence(table, change, origin, what);
}
