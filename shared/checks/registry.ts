import { baseTypes } from './baseTypes.ts';
import { catalogGrants } from './catalogGrants.ts';
import { collationVersions } from './collationVersions.ts';
import { columnCollations } from './columnCollations.ts';
import { connections } from './connections.ts';
import { createRoleRight } from './createRoleRight.ts';
import { databaseCollation } from './databaseCollation.ts';
import { databaseNames } from './databaseNames.ts';
import { databasesPresent } from './databasesPresent.ts';
import { directConnection } from './directConnection.ts';
import { eventTriggers } from './eventTriggers.ts';
import { extensionsAllowed } from './extensionsAllowed.ts';
import { extensionsAvailable } from './extensionsAvailable.ts';
import { extensionsPreloaded } from './extensionsPreloaded.ts';
import { extensionsSchema } from './extensionsSchema.ts';
import { extensionsSpecial } from './extensionsSpecial.ts';
import { extensionVersions } from './extensionVersions.ts';
import { foreignDataWrappers } from './foreignDataWrappers.ts';
import { foreignServers } from './foreignServers.ts';
import { languages } from './languages.ts';
import { largeObjects } from './largeObjects.ts';
import { largeObjectsReadable } from './largeObjectsReadable.ts';
import { lockCapacity } from './lockCapacity.ts';
import { logicalReplication } from './logicalReplication.ts';
import { missingRoles } from './missingRoles.ts';
import { operatorClasses } from './operatorClasses.ts';
import { ownerMembership } from './ownerMembership.ts';
import { preparedTransactions } from './preparedTransactions.ts';
import { replicaIdentity } from './replicaIdentity.ts';
import { rowSecurity } from './rowSecurity.ts';
import { sameServer } from './sameServer.ts';
import { sequencesReadable } from './sequencesReadable.ts';
import { serverVersions } from './serverVersions.ts';
import { specialNumbers } from './specialNumbers.ts';
import { streamEncodingKnown } from './streamEncoding.ts';
import { subscriptions } from './subscriptions.ts';
import { tablespaces } from './tablespaces.ts';
import { tablesReadable } from './tablesReadable.ts';
import { tablesWithOids } from './tablesWithOids.ts';
import { targetDatabases } from './targetDatabases.ts';
import { targetEncoding } from './targetEncoding.ts';
import { targetHighAvailability } from './targetHighAvailability.ts';
import { targetObjects } from './targetObjects.ts';
import { targetRegion } from './targetRegion.ts';
import { targetSessions } from './targetSessions.ts';
import { targetState } from './targetState.ts';
import { targetStorage } from './targetStorage.ts';
import { targetTier } from './targetTier.ts';
import { targetWritable } from './targetWritable.ts';
import { textSearch } from './textSearch.ts';
import { unloggedTables } from './unloggedTables.ts';
import { untrustedFunctions } from './untrustedFunctions.ts';
import { userCasts } from './userCasts.ts';
import { userCollations } from './userCollations.ts';
import { wideRows } from './wideRows.ts';
import type { DatabaseRule, ResourceRule, ServerRule } from './rule.ts';

/** Every rule that looks at the servers as a whole, in the order of the answer. */
export const SERVER_RULES: readonly ServerRule[] = [
  serverVersions,
  databaseNames,
  sameServer,
  databasesPresent,
  directConnection,
  targetWritable,
  targetDatabases,
  targetSessions,
  createRoleRight,
  logicalReplication,
  connections,
  targetStorage,
];

/** Every rule about the servers' resources in Azure, which need not be reachable for that. */
export const RESOURCE_RULES: readonly ResourceRule[] = [
  targetState,
  targetTier,
  targetHighAvailability,
  targetRegion,
];

/** Every rule that looks at one database, in the order of the answer. */
export const DATABASE_RULES: readonly DatabaseRule[] = [
  tablesReadable,
  sequencesReadable,
  largeObjectsReadable,
  rowSecurity,
  replicaIdentity,
  unloggedTables,
  largeObjects,
  specialNumbers,
  wideRows,
  preparedTransactions,
  lockCapacity,
  tablesWithOids,
  baseTypes,
  userCasts,
  languages,
  operatorClasses,
  textSearch,
  untrustedFunctions,
  foreignDataWrappers,
  foreignServers,
  eventTriggers,
  catalogGrants,
  subscriptions,
  tablespaces,
  missingRoles,
  ownerMembership,
  targetObjects,
  extensionsAvailable,
  extensionsAllowed,
  extensionsPreloaded,
  extensionVersions,
  extensionsSchema,
  extensionsSpecial,
  databaseCollation,
  columnCollations,
  userCollations,
  collationVersions,
  targetEncoding,
  streamEncodingKnown,
];
