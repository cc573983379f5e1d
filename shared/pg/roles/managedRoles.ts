/** Roles that a provider makes on its servers: they mean nothing elsewhere, or are there already. */
const MANAGED = [
  /^pg_/,
  /^azure_|^azuresu$/,
  /^rds_|^rds(admin|repladmin|topmgr|proxyadmin|writeforwarduser)$/,
  /^cloudsql/,
  /^alloydb/,
  /^supabase_/,
  /^_dodb$/,
];

export function isManagedRole(name: string): boolean {
  return MANAGED.some((pattern) => pattern.test(name));
}
