import { Icon } from '../../components/icon.tsx';
import type { IconName } from '../../components/icon.tsx';
import { elapsedMs, formatDuration, formatMoment } from '../../formats/times.ts';
import type { MigrationView } from './migrationView.ts';
import { timelineOf } from './timeline.ts';
import type { Step, StepState } from './timeline.ts';

const ICONS: Readonly<Record<StepState, IconName>> = {
  done: 'check',
  current: 'spin',
  waiting: 'clock',
  failed: 'cross',
  canceled: 'close',
  todo: 'dot',
};

const WORDS: Readonly<Record<StepState, string>> = {
  done: 'done',
  current: 'in progress',
  waiting: 'waits for you',
  failed: 'failed',
  canceled: 'canceled',
  todo: 'not begun',
};

export function TimelineView({ view }: { view: MigrationView }) {
  return (
    <ol class="timeline" aria-label="Steps">
      {timelineOf(view).map((step) => (
        <li
          key={step.id}
          class={`step step-${step.state}`}
          aria-current={step.state === 'current' || step.state === 'waiting' ? 'step' : undefined}
        >
          <span class="step-mark">
            <Icon name={ICONS[step.state]} />
          </span>
          <span class="step-text">
            <span class="step-title">{step.title}</span>
            <span class="step-note">{noteOf(step)}</span>
          </span>
        </li>
      ))}
    </ol>
  );
}

function noteOf({ state, startedOn, endedOn }: Step): string {
  const word = WORDS[state];
  if (state === 'todo') return word;
  if (startedOn !== undefined && endedOn !== undefined) {
    return `${word}, ${formatDuration(elapsedMs(startedOn, endedOn, 0))}`;
  }
  const time = endedOn ?? startedOn;
  return time === undefined ? word : `${word}, ${formatMoment(time)}`;
}
