const PATHS = {
  back: 'M10 3 5 8l5 5',
  check: 'm3 8.5 3.2 3.2L13 4.8',
  clock: 'M8 4.5V8l2.4 1.6M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z',
  close: 'm4 4 8 8m0-8-8 8',
  cross: 'm4.5 4.5 7 7m0-7-7 7',
  dark: 'M13 9.6A5.5 5.5 0 0 1 6.4 3 5.5 5.5 0 1 0 13 9.6Z',
  light:
    'M8 10.7a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4ZM8 1.5v1.6m0 9.8v1.6M1.5 8h1.6m9.8 0h1.6M3.4 3.4l1.1 1.1m7 7 1.1 1.1m0-9.2-1.1 1.1m-7 7-1.1 1.1',
  next: 'm6 3 5 5-5 5',
  plus: 'M8 3v10M3 8h10',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10Zm7 2-3.4-3.4',
  spin: 'M8 2a6 6 0 1 1-6 6',
  system: 'M2.5 3h11v7.5h-11zM6 13.5h4M8 10.5v3',
  warning: 'M8 2.2 14.5 13.5h-13zM8 6.5v3m0 1.9v.1',
  dot: 'M8 10.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4Z',
} as const;

export type IconName = keyof typeof PATHS;

/** Beside words that say the same: hidden from screen readers. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      class={`icon icon-${name}`}
      viewBox="0 0 16 16"
      width={size}
      height={size}
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
