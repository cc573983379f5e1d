import { useState } from 'preact/hooks';
import { applyTheme, readTheme } from '../theme.ts';
import type { Theme } from '../theme.ts';
import { Icon } from './icon.tsx';

const NEXT: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' };
const NAMES: Readonly<Record<Theme, string>> = {
  system: 'as the system',
  light: 'light',
  dark: 'dark',
};

export function ThemeSwitch() {
  const [theme, setTheme] = useState(readTheme);
  const change = () => {
    applyTheme(NEXT[theme]);
    setTheme(NEXT[theme]);
  };
  const text = `Theme: ${NAMES[theme]}`;
  return (
    <button
      type="button"
      class="button button-quiet"
      aria-label={text}
      title={text}
      onClick={change}
    >
      <Icon name={theme} size={18} />
    </button>
  );
}
