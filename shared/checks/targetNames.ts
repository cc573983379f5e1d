import type { ServerRuleContext } from './rule.ts';

/** Each database with its name on the target. */
export function targetNames({
  databases = [],
  spec,
}: ServerRuleContext): { database: string; name: string }[] {
  return databases.map((database) => ({
    database,
    name: spec.targetDbNames?.[database] ?? database,
  }));
}
