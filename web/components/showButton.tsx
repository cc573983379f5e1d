interface ShowButtonProps {
  /** Of the field that hides its value. */
  label: string;
  isShown: boolean;
  onShown: (isShown: boolean) => void;
  isSmall?: boolean;
}

/** Shows what a field hides, and hides it again. */
export function ShowButton({ label, isShown, onShown, isSmall = false }: ShowButtonProps) {
  return (
    <button
      type="button"
      class={`button${isSmall ? ' button-small' : ''}`}
      aria-pressed={isShown}
      aria-label={`Show ${label.toLowerCase()}`}
      onClick={() => onShown(!isShown)}
    >
      {isShown ? 'Hide' : 'Show'}
    </button>
  );
}
