import { STEP_TITLES, STEPS } from './draft.ts';
import type { StepId } from './draft.ts';

interface WizardStepsProps {
  step: StepId;
  reached: number;
  onStep: (index: number) => void;
}

export function WizardSteps({ step, reached, onStep }: WizardStepsProps) {
  const at = STEPS.indexOf(step);
  return (
    <nav aria-label="Steps of the wizard">
      <ol class="wizard-steps">
        {STEPS.map((id, index) => (
          <li key={id}>
            <button
              type="button"
              class="wizard-step"
              disabled={index > reached}
              aria-current={index === at ? 'step' : undefined}
              onClick={() => onStep(index)}
            >
              <span class="wizard-number" aria-hidden="true">
                {index + 1}
              </span>
              {STEP_TITLES[id]}
            </button>
          </li>
        ))}
      </ol>
    </nav>
  );
}

/** Below each step; the form's own button goes on. */
export function StepActions(props: {
  nextText: string;
  isBusy?: boolean;
  isDisabled?: boolean;
  onBack?: () => void;
}) {
  const { nextText, isBusy = false, isDisabled = false, onBack } = props;
  return (
    <div class="wizard-actions">
      {onBack === undefined ? null : (
        <button type="button" class="button" onClick={onBack}>
          Back
        </button>
      )}
      <button type="submit" class="button button-primary" disabled={isBusy || isDisabled}>
        {isBusy ? 'One moment …' : nextText}
      </button>
    </div>
  );
}
