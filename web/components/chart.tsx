import { useEffect, useId, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { onThemeChange } from '../theme.ts';

interface ChartProps {
  title: string;
  /** Seconds since 1970, ascending. */
  times: readonly number[];
  /** One for each time; null where there is none. */
  values: readonly (number | null)[];
  format: (value: number) => string;
}

const HEIGHT = 180;

/** One line over time. What it shows last is written beside the title, for everybody. */
export function Chart({ title, times, values, format }: ChartProps) {
  const titleId = useId();
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [theme, setTheme] = useState(0);
  useEffect(() => onThemeChange(() => setTheme((count) => count + 1)), []);
  const data: uPlot.AlignedData = [[...times], [...values]];
  const latest = values.findLast((value) => value !== null);

  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const made = new uPlot(optionsOf(element, format), data, element);
    plot.current = made;
    const resize = new ResizeObserver(() => {
      made.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    resize.observe(element);
    return () => {
      resize.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [theme]);
  useEffect(() => plot.current?.setData(data), [times.length, times.at(-1)]);

  return (
    <figure class="card chart" aria-labelledby={titleId}>
      <figcaption id={titleId} class="chart-title">
        <span>{title}</span>
        <strong>{latest === undefined || latest === null ? 'No data yet' : format(latest)}</strong>
      </figcaption>
      <div ref={place} class="chart-place" aria-hidden="true" />
    </figure>
  );
}

/** Colours are those of the page: a canvas does not know its style sheet. */
function optionsOf(element: HTMLElement, format: (value: number) => string): uPlot.Options {
  const color = (name: string) => colorOf(element, name);
  const grid = { stroke: color('--line'), width: 1 };
  const axis = { stroke: color('--ink-soft'), grid, ticks: { show: false } };
  const font = `12px ${getComputedStyle(element).fontFamily}`;
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [
      { ...axis, font, space: 80 },
      {
        ...axis,
        font,
        size: 84,
        space: 36,
        values: (_, ticks) => ticks.map((tick) => format(tick)),
      },
    ],
    series: [
      {},
      { stroke: color('--accent'), width: 2, fill: color('--chart-fill'), points: { show: false } },
    ],
  };
}

/** The text of a variable may be light-dark(…): only an element says what that is here. */
function colorOf(element: HTMLElement, name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
