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
  /** The axis reaches at least so far: what is near nothing shall not look like much. */
  least: number;
  /** Marks stand at powers of two. */
  isBinary?: boolean;
}

const HEIGHT = 180;

const BINARY_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power);
const WHOLE_STEPS = Array.from({ length: 13 }, (_, power) =>
  [1, 2, 5].map((n) => n * 10 ** power),
).flat();
const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const EXACT_CLOCK = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

/** One line over time. What it shows last is written beside the title, for everybody. */
export function Chart(props: ChartProps) {
  const { title, times, values, format } = props;
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
    const made = new uPlot(optionsOf(element, props), data, element);
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
function optionsOf(
  element: HTMLElement,
  { format, least, isBinary = false }: ChartProps,
): uPlot.Options {
  const color = (name: string) => colorOf(element, name);
  const grid = { stroke: color('--line'), width: 1 };
  const axis = { stroke: color('--ink-soft'), grid, ticks: { show: false } };
  const font = `12px ${getComputedStyle(element).fontFamily}`;
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { y: { range: (_, __, max) => [0, Math.max(least, max * 1.1)] } },
    axes: [
      { ...axis, font, space: 80, size: 28, values: (_, ticks) => clockTexts(ticks) },
      {
        ...axis,
        font,
        size: 84,
        space: 36,
        incrs: isBinary ? BINARY_STEPS : WHOLE_STEPS,
        values: (_, ticks) => ticks.map((tick) => format(tick)),
      },
    ],
    series: [
      {},
      { stroke: color('--accent'), width: 2, fill: color('--chart-fill'), points: { show: false } },
    ],
  };
}

/** Seconds only where the marks are closer than a minute. */
function clockTexts(ticks: readonly number[]): string[] {
  const [first = 0, second = 0] = ticks;
  const format = second - first < 60 ? EXACT_CLOCK : CLOCK;
  return ticks.map((tick) => format.format(tick * 1000));
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
