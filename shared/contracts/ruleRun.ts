import type { ValidationState } from './validation.ts';

/** One rule of a validation, when it ran and how long that took. */
export interface RuleRun {
  ruleId: string;
  /** Group of the published service. */
  type: string;
  /** NotChecked: nothing was found, because not everything could be looked at. */
  state: ValidationState | 'NotChecked';
  /** ISO 8601. */
  startedOn: string;
  durationMs: number;
  /** What the rule could not look at, and why, as sentences: neither found nor passed. */
  notChecked?: string[];
}
