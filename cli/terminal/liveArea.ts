import { fit } from './width.ts';

/** The part of a terminal that liveArea writes to. */
export interface Screen {
  write(text: string): unknown;
  columns?: number;
  rows?: number;
}

/** Some lines at the end of the terminal that are drawn over and over. */
export interface LiveArea {
  draw(lines: readonly string[]): void;
  /** A line that stays, above the area. */
  print(line: string): void;
  /** Leaves the last drawing where it is, or removes it. */
  end(options?: { isCleared?: boolean }): void;
}

const CLEAR_BELOW = '\u001b[0J';
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';

export function createLiveArea(screen: Screen): LiveArea {
  let drawn: string[] = [];
  let isHidden = false;
  const goBack = (): string =>
    drawn.length === 0 ? '' : `\u001b[${drawn.length}A\r${CLEAR_BELOW}`;
  // One write per drawing: in several, the terminal shows the empty area in between.
  const render = (lines: readonly string[], above = ''): void => {
    const width = (screen.columns ?? 80) - 1;
    const height = Math.max(1, (screen.rows ?? 24) - 1);
    const back = goBack();
    drawn = lines.slice(0, height).map((line) => fit(line, width));
    screen.write(
      `${isHidden ? '' : HIDE_CURSOR}${back}${above}${drawn.map((line) => `${line}\n`).join('')}`,
    );
    isHidden = true;
  };
  return {
    draw: (lines) => render(lines),
    print: (line) => render([...drawn], `${line}\n`),
    end: (options = {}) => {
      const back = options.isCleared ? goBack() : '';
      if (isHidden) screen.write(`${back}${SHOW_CURSOR}`);
      isHidden = false;
      drawn = [];
    },
  };
}
