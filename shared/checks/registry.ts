import { databaseCollation } from './databaseCollation.ts';
import { extensionsAvailable } from './extensionsAvailable.ts';
import type { DatabaseRule } from './rule.ts';
import { tablesReadable } from './tablesReadable.ts';

/** Every rule that looks at one database, in the order of the answer. */
export const DATABASE_RULES: readonly DatabaseRule[] = [
  tablesReadable,
  extensionsAvailable,
  databaseCollation,
];
