import type { ValidationState } from '../contracts/records.ts';
import { kindOf } from '../errors/classify.ts';
import { codeOf, messageOf } from '../errors/migrationError.ts';
import type { CheckedSpec, Finding, NotChecked, Severity } from './rule.ts';

/** What is run here of a rule of either level. */
interface RunnableRule<Context> {
  id: string;
  type: string;
  severity: { offline?: Severity; online?: Severity };
  codes?: readonly string[];
  needs?: string;
  check(context: Context): Promise<(Finding | NotChecked)[]>;
}

export interface RuleOutcome {
  id: string;
  type: string;
  startedOn: string;
  durationMs: number;
  findings: { state: Severity; message: string }[];
  /** What it could not look at, and why. */
  notChecked: string[];
}

/** Statements named in one message; more would not be read there. */
const STATEMENTS_AT_MOST = 20;

/**
 * Runs the rules one after the other. One that cannot run is a finding of its own.
 *
 * @throws what a rule threw when the connection broke: the whole is then worth another attempt.
 */
export async function runRules<Context extends { spec: CheckedSpec }>(
  rules: readonly RunnableRule<Context>[],
  context: Context,
): Promise<RuleOutcome[]> {
  const outcomes: RuleOutcome[] = [];
  for (const rule of rules) {
    const severity = rule.severity[context.spec.mode === 'Online' ? 'online' : 'offline'];
    if (severity === undefined) continue;
    const startedOn = new Date().toISOString();
    const began = performance.now();
    const found = await resultsOf(rule, context, severity);
    const durationMs = Math.round(performance.now() - began);
    outcomes.push({ id: rule.id, type: rule.type, startedOn, durationMs, ...found });
  }
  return outcomes;
}

async function resultsOf<Context>(
  rule: RunnableRule<Context>,
  context: Context,
  severity: Severity,
): Promise<Pick<RuleOutcome, 'findings' | 'notChecked'>> {
  try {
    const results = await rule.check(context);
    return {
      findings: results.flatMap((result) =>
        'notChecked' in result
          ? []
          : [{ state: result.state ?? severity, message: messageOfFinding(rule, result) }],
      ),
      notChecked: results.flatMap((result) => ('notChecked' in result ? [result.notChecked] : [])),
    };
  } catch (error) {
    if (kindOf(error) === 'connectionFailed') throw error;
    return { findings: [{ state: 'Warning', message: couldNotRun(rule, error) }], notChecked: [] };
  }
}

/** `rule-id (code): what is wrong. What to do: SQL` */
export function messageOfFinding(
  rule: { id: string; codes?: readonly string[] },
  finding: Finding,
): string {
  const code = finding.code ?? rule.codes?.[0];
  // Findings that pass on another part's words may have the code in them.
  const shown =
    code === undefined || code === '' || finding.message.includes(code) ? '' : ` (${code})`;
  const parts = [`${rule.id}${shown}: ${finding.message}`];
  if (finding.steps !== undefined) parts.push(finding.steps);
  if (finding.sql !== undefined) {
    const { on, statements } = finding.sql;
    const more = statements.length - STATEMENTS_AT_MOST;
    const shownStatements = statements.slice(0, STATEMENTS_AT_MOST).map((sql) => `${sql};`);
    const rest = more > 0 ? ` … and ${more} more like these` : '';
    parts.push(`On the ${on}: ${shownStatements.join(' ')}${rest}`);
  }
  return parts.join(' ');
}

function couldNotRun(rule: { id: string; needs?: string }, error: unknown): string {
  const text = `${rule.id} could not be checked: ${messageOf(error)}.`;
  if (codeOf(error) !== '42501') return text;
  return `${text} A right is missing: ${rule.needs ?? 'SELECT on what the message names'}.`;
}

/** The worst of several states. */
export function worst(states: readonly ValidationState[]): ValidationState {
  if (states.includes('Failed')) return 'Failed';
  return states.includes('Warning') ? 'Warning' : 'Succeeded';
}
