import type { MigrationError } from '../../errors/migrationError.ts';
import type { Value } from '../messages.ts';
import type { Tuple } from '../tuple.ts';
import type { ApplyColumn, ApplyTable } from './catalog.ts';
import { Parameters } from './parameters.ts';
import type { IdentityBinding } from './shape.ts';
import type { TargetSession } from './targetSession.ts';
import { isMaybeNotFinite } from './types.ts';

export interface RowConditionOptions {
  /** Whether a null of a float or numeric may stand for NaN or an infinity. */
  isNullUnsure: boolean;
  onAmbiguous(what: string): MigrationError;
}

/**
 * The condition that finds the row of an update or a delete: by a unique key where one is known,
 * else one row of those that are equal in every column of the identity.
 */
export async function rowCondition(
  target: TargetSession,
  table: ApplyTable,
  binding: IdentityBinding,
  values: Tuple,
  options: RowConditionOptions,
): Promise<(parameters: Parameters) => string> {
  const { key, indexes } = binding;
  const keyTexts = indexes.map((index) => values.at(index));
  if (key !== undefined && !keyTexts.includes(null)) {
    return (parameters) =>
      key.columns
        .map(
          (column, i) =>
            `t.${column.sql} ${key.operators[i]} ${parameters.add(column, keyTexts[i] ?? null)}`,
        )
        .join(' and ');
  }
  // Of a key that is not known in full, only its columns; of a table without a key, all.
  const keyColumns = key && new Set(key.columns);
  const compared = binding.fields.filter(({ column }) => keyColumns?.has(column) ?? true);
  const isUnsure = ({ index }: { index: number }) =>
    options.isNullUnsure &&
    values.isNull(index) &&
    isMaybeNotFinite(binding.set.typeOids[index] ?? 0);
  const whole = (parameters: Parameters): string =>
    compared
      .map((field) => {
        if (isUnsure(field)) return unsureSql(field.column);
        return equalSql(field.column, values.at(field.index), parameters);
      })
      .join(' and ') || 'true';
  const unsure = compared.filter(isUnsure).map(({ column }) => column);
  if (unsure.length > 0) await refuseSeveral(target, table, unsure, whole, options);
  // Equal rows may be there several times; each change is one of them.
  return (parameters) =>
    `t.ctid = (select t.ctid from only ${table.sql} t where ${whole(parameters)} limit 1)`;
}

/**
 * Equal as stored: the type's own equality may find 1.0 and 1.00, or letters of either case, equal,
 * and json has none. It only narrows the search where it can use an index.
 */
function equalSql(column: ApplyColumn, value: Value, parameters: Parameters): string {
  // IS NULL would look into a composite value.
  if (value === null) return `t.${column.sql} is not distinct from null`;
  const parameter = parameters.add(column, value);
  const equality = `t.${column.sql} operator(pg_catalog.=) ${parameter}`;
  if (column.isTextExact) return equality;
  // format calls the output function; a cast to text may be another function.
  const text =
    `t.${column.sql} is distinct from null and pg_catalog.format('%s', t.${column.sql}) collate pg_catalog."C" ` +
    `= pg_catalog.format('%s', ${parameter}) collate pg_catalog."C"`;
  return column.type.hasEquality ? `${equality} and ${text}` : text;
}

const NOT_FINITE = "('NaN', 'Infinity', '-Infinity')";

export function unsureSql(column: ApplyColumn): string {
  return `(t.${column.sql} is null or pg_catalog.format('%s', t.${column.sql}) in ${NOT_FINITE})`;
}

/** Guessing between rows that differ only in what the message does not tell would change data. */
async function refuseSeveral(
  target: TargetSession,
  table: ApplyTable,
  unsure: readonly ApplyColumn[],
  whole: (parameters: Parameters) => string,
  options: RowConditionOptions,
): Promise<void> {
  const parameters = new Parameters();
  const texts = unsure.map(({ sql }) => `coalesce(t.${sql}::text, '')`);
  const rows = await target.rows(
    `select distinct ${texts.join(', ')} from only ${table.sql} t where ${whole(parameters)} limit 2`,
    parameters.values,
  );
  if (rows.length < 2) return;
  const names = unsure.map(({ name }) => name).join(', ');
  throw options.onAmbiguous(
    `several rows fit, and the message does not tell null, NaN and infinity of ${names} apart; ` +
      'wal2json 2.6 or a primary key on the source avoids this',
  );
}
