import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

/** A line of prices. Redrawn when `points` changes; the table beside it says the same in numbers. */
export function Chart({ label, points }: { label: string; points: readonly number[] }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);

  useEffect(() => {
    const parent = place.current;
    if (!parent) return;
    const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    const size = () => ({ width: parent.clientWidth, height: 260 });
    plot.current = new uPlot(
      {
        ...size(),
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false } },
        axes: [{ ...axis, show: false }, axis],
        series: [{}, { label, stroke: colour("--accent"), width: 2, points: { show: false } }],
      },
      [[], []],
      parent,
    );
    const resized = new ResizeObserver(() => plot.current?.setSize(size()));
    resized.observe(parent);
    return () => {
      resized.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [label]);

  useEffect(() => {
    plot.current?.setData([points.map((_, index) => index), [...points]]);
  }, [points, label]);

  return <div ref={place} className="chart" role="img" aria-label={`Chart of the last prices of ${label}`} />;
}
