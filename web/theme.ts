export type Theme = 'system' | 'light' | 'dark';

const STORED_AS = 'pgmove-theme';

/** The browser may refuse to store anything. */
export function readTheme(): Theme {
  try {
    const stored = localStorage.getItem(STORED_AS);
    return stored === 'light' || stored === 'dark' ? stored : 'system';
  } catch {
    return 'system';
  }
}

/** `system` follows prefers-color-scheme. */
export function applyTheme(theme: Theme): void {
  const { dataset } = document.documentElement;
  if (theme === 'system') delete dataset['theme'];
  else dataset['theme'] = theme;
  try {
    if (theme === 'system') localStorage.removeItem(STORED_AS);
    else localStorage.setItem(STORED_AS, theme);
  } catch {
    // It then holds until the page is left.
  }
  dispatchEvent(new Event('pgmove-theme'));
}

/** Calls back whenever the colours on the page change: by the switch or by the system. */
export function onThemeChange(listener: () => void): () => void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  system.addEventListener('change', listener);
  addEventListener('pgmove-theme', listener);
  return () => {
    system.removeEventListener('change', listener);
    removeEventListener('pgmove-theme', listener);
  };
}
