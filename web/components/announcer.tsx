import { useEffect, useState } from 'preact/hooks';

let say: ((text: string) => void) | undefined;

/** Reads a text out without moving the focus. */
export function announce(text: string): void {
  say?.(text);
}

/** Stands once on the page: a live region has to be there before its text changes. */
export function Announcer() {
  const [text, setText] = useState('');
  useEffect(() => {
    say = setText;
    return () => {
      say = undefined;
    };
  }, []);
  return (
    <div class="visually-hidden" role="status" aria-live="polite">
      {text}
    </div>
  );
}
