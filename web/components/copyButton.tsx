import { useState } from 'preact/hooks';
import { announce } from './announcer.tsx';

export function CopyButton({ text, what }: { text: string; what: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      announce('Copied.');
    } catch {
      announce('The browser did not allow copying.');
    }
  };
  return (
    <button
      type="button"
      class="button button-small"
      aria-label={`Copy ${what}`}
      onClick={() => void copy()}
    >
      {isCopied ? 'Copied' : 'Copy'}
    </button>
  );
}
