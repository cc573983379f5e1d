import { databaseCollation } from './databaseCollation.ts';
import { directConnection } from './directConnection.ts';
import { extensionsAvailable } from './extensionsAvailable.ts';
import { largeObjects } from './largeObjects.ts';
import { logicalReplication } from './logicalReplication.ts';
import { replicaIdentity } from './replicaIdentity.ts';
import type { DatabaseRule, ServerRule } from './rule.ts';
import { specialNumbers } from './specialNumbers.ts';
import { streamEncodingKnown } from './streamEncoding.ts';
import { tablesReadable } from './tablesReadable.ts';
import { unloggedTables } from './unloggedTables.ts';
import { wideRows } from './wideRows.ts';

/** Every rule that looks at the servers as a whole, in the order of the answer. */
export const SERVER_RULES: readonly ServerRule[] = [directConnection, logicalReplication];

/** Every rule that looks at one database, in the order of the answer. */
export const DATABASE_RULES: readonly DatabaseRule[] = [
  tablesReadable,
  replicaIdentity,
  unloggedTables,
  largeObjects,
  specialNumbers,
  wideRows,
  extensionsAvailable,
  databaseCollation,
  streamEncodingKnown,
];
