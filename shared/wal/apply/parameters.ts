import type { Value } from '../messages.ts';
import type { ApplyColumn } from './catalog.ts';

/** Parameters of one statement, numbered as they are added. */
export class Parameters {
  readonly values: Value[] = [];

  /** The parameter as SQL: its text goes through the input function of the column's type. */
  add(column: ApplyColumn, value: Value): string {
    return `$${this.values.push(value)}::${column.type.sql}`;
  }
}
