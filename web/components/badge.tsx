import type { StateLabel, Tone } from '../formats/states.ts';
import { Icon } from './icon.tsx';
import type { IconName } from './icon.tsx';

export const TONE_ICONS: Readonly<Record<Tone, IconName>> = {
  busy: 'spin',
  wait: 'clock',
  good: 'check',
  bad: 'cross',
  warn: 'warning',
  idle: 'dot',
};

export function Badge({ label }: { label: StateLabel }) {
  return (
    <span class={`badge tone-${label.tone}`}>
      <Icon name={TONE_ICONS[label.tone]} size={14} />
      {label.text}
    </span>
  );
}
