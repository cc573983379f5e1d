/** Where an activity leaves what a later one needs; one folder per migration, so that purge is one prefix. */
function folderOf(migrationId: string, database: string): string {
  return `${migrationId}/${encodeURIComponent(database)}`;
}

export function migrationFolder(migrationId: string): string {
  return `${migrationId}/`;
}

/** The pg_dump archive of a generation. */
export function archivePath(migrationId: string, database: string, generation: number): string {
  return `${folderOf(migrationId, database)}/${generation}/schema.dump`;
}

/** The sorted schema of a generation (SchemaPlan). */
export function schemaPath(migrationId: string, database: string, generation: number): string {
  return `${folderOf(migrationId, database)}/${generation}/schema.json`;
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
