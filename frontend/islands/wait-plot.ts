/**
 * Waits over time, as points and lines. The data is a JSON script in the page (`data-source`), the table behind it says the same:
 * `{x: […], kind: "clock" | "moment", series: [{name, colour, values, line?}]}`; seconds on the y axis.
 */

import uPlot from "uplot";
import { clock } from "./call/call-messages";

interface PlotData {
  x: number[];
  kind: "clock" | "moment";
  series: { name: string; colour: string; values: (number | null)[]; line?: boolean }[];
}

const HEIGHT = 180;

export default function mount(root: HTMLElement): () => void {
  const source = document.getElementById(root.dataset["source"] ?? "");
  const data = JSON.parse(source?.textContent ?? "null") as PlotData | null;
  if (!data?.x.length) return () => undefined;
  let plot = draw(root, data);
  const redraw = (): void => {
    plot.destroy();
    plot = draw(root, data);
  };
  const sizes = new ResizeObserver(() => plot.setSize({ width: root.clientWidth, height: HEIGHT }));
  sizes.observe(root);
  const theme = new MutationObserver(redraw);
  theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
  return () => {
    sizes.disconnect();
    theme.disconnect();
    plot.destroy();
  };
}

function draw(root: HTMLElement, data: PlotData): uPlot {
  const style = getComputedStyle(root);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim() || "#888";
  const text = style.getPropertyValue("--tblr-secondary").trim() || style.color;
  const grid = style.getPropertyValue("--tblr-border-color").trim() || "#ddd";
  const axis = { stroke: text, font: `12px ${style.fontFamily}`, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  const options: uPlot.Options = {
    width: root.clientWidth || 300,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    scales: { x: { time: data.kind === "moment", range: (_, low, high) => padded(low, high) }, y: { range: (_, _low, high) => [0, Math.max(1, high * 1.1)] } },
    axes: [
      { ...axis, grid: { show: false }, ...(data.kind === "clock" ? { values: (_, at) => at.map((second) => clock(second * 1000)) } : {}) },
      { ...axis, size: 44, values: (_, at) => at.map((second) => `${Number(second.toFixed(2))} s`) },
    ],
    cursor: { y: false, points: { size: 8 } },
    legend: { show: data.series.length > 1, live: false },
    series: [
      {},
      ...data.series.map((series) => ({
        label: series.name,
        stroke: colour(series.colour),
        width: series.line ? 2 : 0,
        points: { show: true, size: 7, fill: colour(series.colour) },
        ...(series.line ? {} : { paths: () => null }),
      })),
    ],
  };
  return new uPlot(options, [data.x, ...data.series.map((series) => series.values)] as uPlot.AlignedData, root);
}

function padded(low: number, high: number): [number, number] {
  const room = Math.max((high - low) * 0.04, 1);
  return [Math.max(0, low - room), high + room];
}
