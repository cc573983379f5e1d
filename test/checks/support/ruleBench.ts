import pg from 'pg';
import type { ThrowawayCluster } from '../../../scripts/postgres/throwawayCluster.ts';
import { DATABASE_RULES, SERVER_RULES } from '../../../shared/checks/registry.ts';
import type {
  CheckedSpec,
  DatabaseRuleContext,
  ServerRuleContext,
} from '../../../shared/checks/rule.ts';
import { runRules } from '../../../shared/checks/runRules.ts';
import type { RuleOutcome } from '../../../shared/checks/runRules.ts';
import { connect } from '../../../shared/pg/connect.ts';
import type { PgSession } from '../../../shared/pg/connect.ts';
import { endpointOf } from '../../pg/copy/copyPair.ts';

export const SPEC: CheckedSpec = {
  mode: 'Offline',
  includeTables: [],
  excludeTables: [],
  setReplicaIdentityFull: false,
  jobs: 1,
  migrateRoles: false,
  targetDbNames: {},
};

export const ONLINE: CheckedSpec = { ...SPEC, mode: 'Online' };

export interface Bench {
  source: ThrowawayCluster;
  target: ThrowawayCluster;
}

export interface Users {
  sourceUser?: string;
  targetUser?: string;
}

export type Findings = Record<string, RuleOutcome['findings']>;

/** A validation is not to write: every session says so to the server. */
export function open(
  cluster: ThrowawayCluster,
  database: string,
  user = 'postgres',
): Promise<PgSession> {
  return connect(endpointOf(cluster, database, user), {
    applicationName: 'pgmove/test/checks',
    settings: { default_transaction_read_only: 'on' },
  });
}

/** Findings of all database rules, or of one, by the rule's id. */
export async function checkDatabase(
  bench: Bench,
  database: string,
  options: Users & {
    spec?: CheckedSpec;
    rule?: string;
    existing?: string;
    overwrite?: boolean;
  } = {},
): Promise<Findings> {
  await using source = await open(bench.source, database, options.sourceUser);
  await using target = await open(bench.target, 'postgres', options.targetUser);
  await using existing =
    options.existing === undefined
      ? undefined
      : await open(bench.target, options.existing, options.targetUser);
  const context: DatabaseRuleContext = {
    database,
    spec: options.spec ?? SPEC,
    source,
    target,
    ...(existing === undefined ? {} : { existing }),
    isOverwriteWanted: options.overwrite === true,
  };
  const rules = DATABASE_RULES.filter(({ id }) => (options.rule ?? id) === id);
  return byRule(await runRules(rules, context));
}

export async function checkServers(
  bench: Bench,
  databases: readonly string[],
  options: ServerOptions = {},
): Promise<Findings> {
  return byRule(await runServerRules(bench, databases, options));
}

/** What the rules could not look at. */
export async function uncheckedServers(
  bench: Bench,
  databases: readonly string[],
  options: ServerOptions = {},
): Promise<string[]> {
  const outcomes = await runServerRules(bench, databases, options);
  return outcomes.flatMap(({ notChecked }) => notChecked);
}

type ServerOptions = Users & { rule?: string } & Partial<ServerRuleContext>;

async function runServerRules(
  bench: Bench,
  databases: readonly string[],
  options: ServerOptions,
): Promise<RuleOutcome[]> {
  await using source = await open(bench.source, 'postgres', options.sourceUser);
  await using target = await open(bench.target, 'postgres', options.targetUser);
  const context: ServerRuleContext = {
    spec: SPEC,
    source,
    target,
    databases,
    databaseCount: databases.length,
    ownSlots: [],
    isSetupWanted: false,
    ...options,
  };
  const rules = SERVER_RULES.filter(({ id }) => (options.rule ?? id) === id);
  return await runRules(rules, context);
}

function byRule(outcomes: readonly RuleOutcome[]): Findings {
  const found: Findings = {};
  for (const { id, findings } of outcomes) if (findings.length > 0) found[id] = findings;
  return found;
}

/** Runs what the messages say, as a superuser of the side that they name. */
export async function applyRemedies(
  bench: Bench,
  database: string,
  findings: readonly { message: string }[],
): Promise<void> {
  for (const { message } of findings) {
    const match = /On the (source|target): (.*;)$/s.exec(message);
    if (match === null) throw new Error(`no statement in: ${message}`);
    const [, side = '', text = ''] = match;
    const statements = text.includes('$$') ? [text] : text.split(/;(?: |$)/).filter(Boolean);
    const cluster = side === 'source' ? bench.source : bench.target;
    // Of the target's database most does not exist yet.
    const client = await cluster.connect(side === 'source' ? database : 'postgres');
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  }
}

let count = 0;

export async function newDatabase(
  cluster: ThrowawayCluster,
  sql = '',
  create = '',
): Promise<string> {
  count += 1;
  const database = `checks ${count}`;
  await cluster.run(`create database ${pg.escapeIdentifier(database)} ${create}`);
  if (sql !== '') await cluster.run(sql, database);
  return database;
}
