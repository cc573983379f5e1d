/** Where an activity leaves what a later one needs; one folder per migration, so that purge is one prefix. */
function folderOf(migrationId: string, database: string): string {
  return `${migrationId}/${encodeURIComponent(database)}`;
}

export function migrationFolder(migrationId: string): string {
  return `${migrationId}/`;
}

/** What one of the later steps needs of a generation's schema (SchemaParts), as lines of JSON. */
export function schemaPartPath(
  migrationId: string,
  database: string,
  generation: number,
  part: string,
): string {
  return `${folderOf(migrationId, database)}/${generation}/schema/${part}.jsonl`;
}

/** One planned batch (BatchPlan). */
export function batchPath(
  migrationId: string,
  database: string,
  generation: number,
  batch: number,
): string {
  return `${folderOf(migrationId, database)}/${generation}/batch-${batch}.json`;
}

/** The rules of the last validation: below one folder, which no database's name is written as. */
export function ruleRunFolder(migrationId: string): string {
  return `${migrationId}/$rules/`;
}

/** RuleRuns of one database, or of the servers. */
export function ruleRunPath(migrationId: string, database?: string): string {
  const name = database === undefined ? 'servers' : `databases/${encodeURIComponent(database)}`;
  return `${ruleRunFolder(migrationId)}${name}.json`;
}
