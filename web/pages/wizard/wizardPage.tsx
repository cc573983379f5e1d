import { useEffect, useRef, useState } from 'preact/hooks';
import { announce } from '../../components/announcer.tsx';
import { DatabasesStep } from './databasesStep.tsx';
import { newDraft, STEP_TITLES, STEPS, withoutSecrets } from './draft.ts';
import type { StepId, WizardDraft } from './draft.ts';
import { ServerStep } from './serverStep.tsx';
import { refusalsOf, standingRefusals } from './refusals.ts';
import type { Refusal } from './refusals.ts';
import { SetupStep } from './setupStep.tsx';
import { SummaryStep } from './summaryStep.tsx';
import { WizardSteps } from './wizardSteps.tsx';

/** What each step gets. */
export interface StepProps {
  draft: WizardDraft;
  /** What the service has refused and is still as it was. */
  refusals: readonly Refusal[];
  /** Somebody who was further on came back: what is wrong is told at once. */
  isRevisited: boolean;
  onChange: (changed: Partial<WizardDraft>) => void;
  /** Notes which fields a failed request named: one of a single step, or that of the whole. */
  onRefused: (error: unknown, only?: StepId) => void;
  onNext: () => void;
  onBack?: () => void;
}

/**
 * Five steps to a migration. What is typed in lives in this component only: leaving the page, or
 * starting the migration, drops it, the passwords and keys included.
 */
export function WizardPage() {
  const [draft, setDraft] = useState(() => newDraft(new Date()));
  const [step, setStep] = useState<StepId>('setup');
  /** The furthest step that was reached; back and forth is free up to there. */
  const [reached, setReached] = useState(0);
  const [refusals, setRefusals] = useState<readonly Refusal[]>([]);
  const section = useRef<HTMLElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const isFirst = useRef(true);
  const index = STEPS.indexOf(step);
  useEffect(() => {
    if (!isFirst.current) {
      // What has to be put right comes first.
      const wrong = section.current?.querySelector<HTMLElement>('[aria-invalid="true"]');
      (wrong ?? heading.current)?.focus();
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
    refusals,
    isRevisited: index < reached,
    onChange: (changed) => {
      setDraft((before) => ({ ...before, ...changed }));
      setRefusals((before) => standingRefusals(before, draft, { ...draft, ...changed }));
    },
    onRefused: (error, only) =>
      setRefusals((before) => [
        ...before.filter((refusal) => only !== undefined && refusal.step !== only),
        ...refusalsOf(error, draft),
      ]),
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
        <section ref={section} class="card wizard-card" aria-labelledby="wizard-step">
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
