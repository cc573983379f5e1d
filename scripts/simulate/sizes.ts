import type { PlannedTable } from '../../shared/pg/copy/format.ts';

export interface Size {
  databases: number;
  /** Over all databases. */
  tables: number;
  bytes: number;
}

/** Few tables hold most of the bytes: each is this much smaller than the one before. */
const SHRINKS_BY = 0.8;

const BLOCK_BYTES = 8192;
const ROW_BYTES = 100;

/** The tables of one of the databases, which are all alike. */
export function tablesOf({ databases, tables, bytes }: Size): PlannedTable[] {
  const count = Math.max(1, Math.round(tables / databases));
  const shares = Array.from({ length: count }, (_, place) => SHRINKS_BY ** place);
  const sum = shares.reduce((total, share) => total + share, 0);
  return shares.map((share, place) => {
    const size = Math.max(BLOCK_BYTES, Math.round((bytes / databases) * (share / sum)));
    return {
      oid: 20_000 + place,
      schema: 'public',
      name: `table_${place}`,
      columns: [],
      persistence: 'p',
      bytes: size,
      pageCount: Math.ceil(size / BLOCK_BYTES),
      estimatedRows: Math.ceil(size / ROW_BYTES),
      isPartition: false,
      parentOids: [],
      hasBlocks: true,
      format: 'binary',
    } as unknown as PlannedTable;
  });
}
