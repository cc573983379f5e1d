import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { messageOf } from '../../shared/errors/migrationError.ts';
import { usageError } from '../exitCode.ts';

/**
 * Names in the file are compared without case, as the Azure CLI does; these are the ones that the
 * API knows. What is in none of them is passed on: the API refuses it by name.
 */
const NAMES = [
  'sourceDbServerResourceId',
  'sourceDbServerFullyQualifiedDomainName',
  'targetDbServerFullyQualifiedDomainName',
  'dbsToMigrate',
  'setupLogicalReplicationOnSourceDbIfNeeded',
  'overwriteDbsInTarget',
  'sourceType',
  'sslMode',
  'migrationInstanceResourceId',
  'migrateRoles',
  'migrationWindowStartTimeInUtc',
  'migrationWindowEndTimeInUtc',
  'startDataMigration',
  'triggerCutover',
  'targetDbNames',
  'sourceTls',
  'sourceAuth',
  'targetAuth',
  'sourceOptions',
  'targetOptions',
  'targetTls',
  'includeTables',
  'excludeTables',
  'verify',
  'jobs',
  'fenceSource',
  'setReplicaIdentityFull',
  'secretParameters',
  'adminCredentials',
  'sourceServerPassword',
  'targetServerPassword',
  'sourceServerUsername',
  'targetServerUsername',
];

const CANONICAL = new Map(NAMES.map((name) => [name.toLowerCase(), name]));
// The Azure CLI's name for it.
CANONICAL.set('migrationruntimeresourceid', 'migrationInstanceResourceId');

/** Objects whose own keys are names of the API too; the keys of others are the user's. */
const NESTED = new Set(['secretParameters', 'adminCredentials']);

const STRING_BOOLEANS = new Set([
  'setupLogicalReplicationOnSourceDbIfNeeded',
  'overwriteDbsInTarget',
  'migrateRoles',
  'startDataMigration',
  'triggerCutover',
  'fenceSource',
  'setReplicaIdentityFull',
]);

/** Reads the file of `--properties` into the API's properties. */
export async function readPropertiesFile(file: string): Promise<Record<string, unknown>> {
  const content = await readContent(file);
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch (error) {
    // The parser's message quotes the text, which holds passwords; only the place is told.
    const place = /position \d+|line \d+ column \d+/.exec(messageOf(error))?.[0];
    throw usageError(`${file} is no valid JSON${place === undefined ? '' : ` (${place})`}.`);
  }
  if (!isObject(parsed)) throw usageError(`${file} has to hold an object with "properties".`);
  const properties = Object.entries(parsed).find(([name]) => name.toLowerCase() === 'properties');
  if (!isObject(properties?.[1])) throw usageError(`${file} has no object "properties".`);
  return normalize(properties[1]);
}

async function readContent(file: string): Promise<string> {
  try {
    return file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
  } catch (error) {
    throw usageError(`--properties: ${messageOf(error)}`, error);
  }
}

function normalize(properties: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(properties).map(([given, value]) => {
      const name = CANONICAL.get(given.toLowerCase()) ?? given;
      if (NESTED.has(name) && isObject(value)) return [name, normalize(value)];
      return [name, STRING_BOOLEANS.has(name) ? stringBoolean(value) : value];
    }),
  );
}

function stringBoolean(value: unknown): unknown {
  if (value === true || (typeof value === 'string' && /^true$/i.test(value))) return 'True';
  if (value === false || (typeof value === 'string' && /^false$/i.test(value))) return 'False';
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
