/**
 * Advisory lock on the target. Each transaction that applies changes takes it shared; whoever needs
 * the apply to stand still between two groups (DDL on the target) takes it alone. "pgmove" in ASCII,
 * and one more: the control schema is created under the number before it.
 */
export const APPLY_LOCK = 0x70676d6f7665 + 1;

/** Makes the apply stand still until the transaction's end. */
export const PARK_APPLY_SQL = `select pg_catalog.pg_advisory_xact_lock(${APPLY_LOCK})`;
