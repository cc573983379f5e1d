import { someNames } from '../../shared/checks/rule.ts';
import type { IdentityProblem } from '../../shared/pg/source/replicaIdentity.ts';

export function identityProblemMessage(
  database: string,
  problems: readonly IdentityProblem[],
): string {
  const tables = someNames(
    problems.map(({ schema, name, reason }) => `${schema}.${name} ${reason}`),
  );
  return (
    `UPDATE and DELETE of tables in ${database} would be lost: ${tables}. Give them a primary key ` +
    'or a REPLICA IDENTITY, leave them out (excludeTables), or set setReplicaIdentityFull "True".'
  );
}
