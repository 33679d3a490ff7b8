import type { Point } from "../lib/api";
import { count, hour } from "../lib/format";

const HEIGHT = 96;
const STEP = 10;

/** Half-hours side by side: watched below, then inspected, then refused. */
export function Chart({ series }: { series: readonly Point[] }) {
  const top = Math.max(1, ...series.map((point) => point.watched + point.inspected + point.refused));
  const width = series.length * STEP;
  const first = series[0];
  const middle = series[Math.floor(series.length / 2)];
  return (
    <figure class="chart">
      <svg viewBox={`0 0 ${width} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label(series, top)}>
        {[0, HEIGHT / 2].map((y) => <line key={y} x1="0" x2={width} y1={y + 0.5} y2={y + 0.5} class="grid" />)}
        {series.map((point, at) => <Bar key={point.start} point={point} at={at} top={top} />)}
        <line x1="0" x2={width} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} class="axis" />
      </svg>
      <figcaption>
        <span>{first ? hour(first.start) : ""}</span>
        <span>{middle ? hour(middle.start) : ""}</span>
        <span>now</span>
      </figcaption>
      <span class="chart-top" aria-hidden="true">{count(top)}</span>
    </figure>
  );
}

function Bar({ point, at, top }: { point: Point; at: number; top: number }) {
  let y = HEIGHT;
  const parts = (["watched", "inspected", "refused"] as const).map((mode) => {
    const height = (point[mode] / top) * (HEIGHT - 4);
    y -= height;
    return <rect key={mode} class={mode} x={at * STEP + 1} y={y} width={STEP - 2} height={height} />;
  });
  return <g>{parts}</g>;
}

function label(series: readonly Point[], top: number): string {
  const all = series.reduce((sum, point) => sum + point.watched + point.inspected + point.refused, 0);
  return `${count(all)} AI connections in the last 24 hours, at most ${count(top)} in half an hour`;
}
