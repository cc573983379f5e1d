import { percentOf } from '../formats/quantities.ts';

interface ProgressBarProps {
  label: string;
  done: number;
  total: number;
  tone?: 'busy' | 'good' | 'bad';
}

export function ProgressBar({ label, done, total, tone = 'busy' }: ProgressBarProps) {
  const percent = percentOf(done, total);
  return (
    <div
      class={`progress progress-${tone}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
    >
      <div class="progress-done" style={{ inlineSize: `${percent}%` }} />
    </div>
  );
}
