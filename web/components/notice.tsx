import type { ComponentChildren } from 'preact';
import { failureLines } from '../api/failure.ts';
import type { Tone } from '../formats/states.ts';
import { TONE_ICONS } from './badge.tsx';
import { Icon } from './icon.tsx';

interface NoticeProps {
  tone: Tone;
  title: string;
  children?: ComponentChildren;
  actions?: ComponentChildren;
  /** Read out when it appears. */
  isAlert?: boolean;
}

/** A box that says what is to be known or done. */
export function Notice({ tone, title, children, actions, isAlert = false }: NoticeProps) {
  return (
    <div class={`notice tone-${tone}`} role={isAlert ? 'alert' : undefined}>
      <Icon name={TONE_ICONS[tone]} size={18} />
      <div class="notice-body">
        <p class="notice-title">{title}</p>
        {children}
      </div>
      {actions === undefined ? null : <div class="notice-actions">{actions}</div>}
    </div>
  );
}

/** What a failed request said. */
export function FailureNotice({ title, error }: { title: string; error: unknown }) {
  return (
    <Notice tone="bad" title={title} isAlert>
      {failureLines(error).map((line) => (
        <p key={line}>{line}</p>
      ))}
    </Notice>
  );
}
