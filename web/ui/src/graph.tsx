// A range query's result as lines.
import 'uplot/dist/uPlot.min.css';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { formatMetric, Series } from './api';

const SERIES_MAX = 100;

// Hues a golden angle apart: neighbours differ, and there is no end to them.
function colour(index: number): string {
  return `hsl(${(160 + index * 137.508) % 360} 60% 48%)`;
}

// Every series over the same steps; null where it has no value, which breaks the line.
function columns(series: Series[], start: number, end: number, step: number): uPlot.AlignedData {
  const count = Math.floor((end - start) / step + 1e-9) + 1;
  const times = Array.from({ length: count }, (_, i) => start + i * step);
  const lines = series.map((s) => {
    const line: (number | null)[] = new Array(count).fill(null);
    for (const [t, text] of s.values ?? []) {
      const value = Number(text);
      const index = Math.round((t - start) / step);
      if (index >= 0 && index < count && Number.isFinite(value)) line[index] = value;
    }
    return line;
  });
  return [times, ...lines];
}

const SHORT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 2 });

function shortNumber(value: number): string {
  return value !== 0 && Math.abs(value) < 0.01 ? value.toExponential(1) : SHORT.format(value);
}

function options(element: HTMLElement, series: Series[], select: (from: number, to: number) => void): uPlot.Options {
  // The canvas knows no CSS variables: the frame wears both colours.
  const { color, borderTopColor } = getComputedStyle(element);
  const axis = { stroke: color, grid: { stroke: borderTopColor, width: 1 } };
  return {
    width: element.clientWidth,
    height: 380,
    legend: { show: false },
    cursor: { drag: { x: true, y: false, setScale: false } },
    axes: [axis, { ...axis, size: 64, values: (_, ticks) => ticks.map(shortNumber) }],
    series: [{}, ...series.map((s, i) => ({ label: formatMetric(s.metric), stroke: colour(i), width: 1.5 }))],
    hooks: {
      setSelect: [
        (u) => {
          if (u.select.width > 4) select(u.posToVal(u.select.left, 'x'), u.posToVal(u.select.left + u.select.width, 'x'));
        },
      ],
    },
  };
}

interface Props {
  series: Series[];
  start: number;
  end: number;
  step: number;
  onSelect: (from: number, to: number) => void;
}

export function Graph(props: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const [hidden, setHidden] = useState<Set<number>>(new Set());
  const [at, setAt] = useState<number | null>(null);
  const [themes, setThemes] = useState(0);
  const shown = props.series.slice(0, SERIES_MAX);

  useEffect(() => {
    const changed = () => setThemes((n) => n + 1);
    window.addEventListener('themechange', changed);
    return () => window.removeEventListener('themechange', changed);
  }, []);

  useEffect(() => {
    const element = place.current!;
    const u = new uPlot(
      {
        ...options(element, shown, props.onSelect),
        plugins: [{ hooks: { setCursor: (self) => setAt(self.cursor.idx ?? null) } }],
      },
      columns(shown, props.start, props.end, props.step),
      element,
    );
    plot.current = u;
    setHidden(new Set());
    const observer = new ResizeObserver(() => u.setSize({ width: element.clientWidth, height: 380 }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      u.destroy();
    };
  }, [props.series, props.start, props.end, props.step, themes]);

  const toggle = (index: number) => {
    const next = new Set(hidden);
    if (!next.delete(index)) next.add(index);
    plot.current?.setSeries(index + 1, { show: !next.has(index) });
    setHidden(next);
  };

  return (
    <>
      <div class="graph" ref={place} role="img" aria-label={`Graph of ${shown.length} series`} />
      {props.series.length > SERIES_MAX && (
        <p class="quiet">The first {SERIES_MAX} of {props.series.length} series are drawn.</p>
      )}
      <ul class="legend">
        {shown.map((s, i) => {
          const value = at === null ? null : plot.current?.data[i + 1]?.[at];
          return (
            <li key={i}>
              <button class="plain" aria-pressed={!hidden.has(i)} onClick={() => toggle(i)}>
                <svg width="12" height="12" aria-hidden="true">
                  <rect width="12" height="12" rx="3" fill={colour(i)} />
                </svg>
                <code>{formatMetric(s.metric)}</code>
                {value != null && <b>{shortNumber(value)}</b>}
              </button>
            </li>
          );
        })}
      </ul>
    </>
  );
}
