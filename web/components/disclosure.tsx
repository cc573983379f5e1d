import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/**
 * What most people do not need. It opens by itself when something in it is wrong, and never closes
 * by itself: somebody may be typing in it.
 */
export function Disclosure(props: {
  title: string;
  /** Open from the start, as something in it is filled in. */
  isFilled: boolean;
  hasProblem: boolean;
  children: ComponentChildren;
}) {
  const { title, isFilled, hasProblem, children } = props;
  const [isOpen, setOpen] = useState(isFilled || hasProblem);
  useEffect(() => {
    if (hasProblem) setOpen(true);
  }, [hasProblem]);
  return (
    <details
      class="disclosure"
      open={isOpen}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>{title}</summary>
      <div class="wizard-form">{children}</div>
    </details>
  );
}
