import type { RowChange } from '../messages.ts';
import type { ApplyTable } from './catalog.ts';
import { ImpossibleSequence, TableMerge } from './merge.ts';
import type { ChangeOrigin, TableStep } from './merge.ts';

/** `steps` are absent for a sequence of changes that cannot be. */
export interface TableSteps {
  table: ApplyTable;
  steps: readonly TableStep[] | undefined;
}

/** Changes of many tables, merged table by table as they come: all at once would take long. */
export class MergedTables {
  readonly #merges = new Map<ApplyTable, TableMerge>();
  readonly #impossible = new Set<TableMerge>();
  #last: TableMerge | undefined;

  add(table: ApplyTable, change: RowChange, origin: ChangeOrigin): void {
    if (this.#last?.table !== table) this.#last = this.#mergeOf(table);
    const merge = this.#last;
    if (this.#impossible.has(merge)) return;
    try {
      merge.add(change, origin);
    } catch (error) {
      if (!(error instanceof ImpossibleSequence)) throw error;
      this.#impossible.add(merge);
    }
  }

  steps(): TableSteps[] {
    return [...this.#merges.values()].map((merge) => ({
      table: merge.table,
      steps: this.#impossible.has(merge) ? undefined : merge.steps,
    }));
  }

  #mergeOf(table: ApplyTable): TableMerge {
    let merge = this.#merges.get(table);
    if (merge === undefined) {
      merge = new TableMerge(table);
      this.#merges.set(table, merge);
    }
    return merge;
  }
}
