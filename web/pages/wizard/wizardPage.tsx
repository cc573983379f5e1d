import { useEffect, useRef, useState } from 'preact/hooks';
import { announce } from '../../components/announcer.tsx';
import { DatabasesStep } from './databasesStep.tsx';
import { newDraft, STEP_TITLES, STEPS, withoutSecrets } from './draft.ts';
import type { StepId, WizardDraft } from './draft.ts';
import { ServerStep } from './serverStep.tsx';
import { SetupStep } from './setupStep.tsx';
import { SummaryStep } from './summaryStep.tsx';
import { WizardSteps } from './wizardSteps.tsx';

/** What each step gets. */
export interface StepProps {
  draft: WizardDraft;
  onChange: (changed: Partial<WizardDraft>) => void;
  onNext: () => void;
  onBack?: () => void;
}

/**
 * Five steps to a migration. What is typed in lives in this component only: leaving the page, or
 * starting the migration, drops it, the passwords included.
 */
export function WizardPage() {
  const [draft, setDraft] = useState(() => newDraft(new Date()));
  const [step, setStep] = useState<StepId>('setup');
  /** The furthest step that was reached; back and forth is free up to there. */
  const [reached, setReached] = useState(0);
  const heading = useRef<HTMLHeadingElement>(null);
  const isFirst = useRef(true);
  const index = STEPS.indexOf(step);
  useEffect(() => {
    if (!isFirst.current) {
      heading.current?.focus();
      announce(`Step ${index + 1} of ${STEPS.length}: ${STEP_TITLES[step]}`);
    }
    isFirst.current = false;
  }, [step]);

  const go = (to: number): void => {
    const next = STEPS[to];
    if (next === undefined) return;
    setStep(next);
    setReached(Math.max(reached, to));
  };
  const props: StepProps = {
    draft,
    onChange: (changed) => setDraft((before) => ({ ...before, ...changed })),
    onNext: () => go(index + 1),
    ...(index === 0 ? {} : { onBack: () => go(index - 1) }),
  };
  const finish = (href: string): void => {
    setDraft(withoutSecrets);
    location.hash = href;
  };
  return (
    <>
      <h1>New migration</h1>
      <div class="wizard">
        <WizardSteps step={step} reached={reached} onStep={go} />
        <section class="card wizard-card" aria-labelledby="wizard-step">
          <h2 id="wizard-step" ref={heading} tabIndex={-1}>
            {STEP_TITLES[step]}
          </h2>
          {step === 'setup' && <SetupStep {...props} />}
          {step === 'source' && <ServerStep key="source" side="source" {...props} />}
          {step === 'target' && <ServerStep key="target" side="target" {...props} />}
          {step === 'databases' && <DatabasesStep {...props} />}
          {step === 'summary' && <SummaryStep {...props} onStep={go} onCreated={finish} />}
        </section>
      </div>
    </>
  );
}
