import { worst } from '../../shared/checks/runRules.ts';
import type { RuleOutcome } from '../../shared/checks/runRules.ts';
import type { ValidationItem } from '../../shared/contracts/records.ts';
import type { RuleRun } from '../../shared/contracts/ruleRun.ts';

type Messages = NonNullable<ValidationItem['messages']>;

/** What the rules found, in the published shape: one item for each of the groups. */
export function itemsOf(
  outcomes: readonly RuleOutcome[],
  types: readonly string[],
): ValidationItem[] {
  return types.map((type) =>
    validationItem(
      type,
      outcomes.filter((outcome) => outcome.type === type).flatMap(({ findings }) => findings),
    ),
  );
}

export function validationItem(type: string, messages: Messages): ValidationItem {
  const state = worst(messages.map((message) => message.state));
  return messages.length === 0 ? { type, state } : { type, state, messages };
}

/** What is kept of a rule beside its messages. */
export function runOf(outcome: RuleOutcome): RuleRun {
  const { id, type, startedOn, durationMs, findings, notChecked } = outcome;
  const isUnknown = findings.length === 0 && notChecked.length > 0;
  const state = isUnknown ? 'NotChecked' : worst(findings.map((finding) => finding.state));
  return {
    ruleId: id,
    type,
    state,
    startedOn,
    durationMs,
    ...(notChecked.length === 0 ? {} : { notChecked }),
  };
}
