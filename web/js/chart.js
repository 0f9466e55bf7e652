// A chart of one counter: the fleet's band and average, and on request the lines of a tenant and a VM.
// Knows the chart library (uPlot), colours and shapes. Does not know where points come from.

import { axes } from "./axes.js";
import { moment } from "./clock.js";
import { percent, written } from "./numbers.js";
import { MAX, MIN } from "./series.js";

/** @type {typeof import("uplot")} */
const uPlot = /** @type {any} */ (globalThis).uPlot;

/** All charts with a cursor share one cursor. Moving it in one chart moves it in all. */
const CURSORS = uPlot.sync("cursors");

/**
 * @typedef {{unit: string, beside: import("./series.js").Beside, small: boolean, utc: boolean, interval: number, height: number,
 *   ahead?: "" | "fleet" | "tenant" | "vm", onRange?: (start: number, end: number) => void}} Look
 */

/** @param {string} name */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/**
 * The indices of points without neighbours. Lines do not show such points.
 * @param {import("uplot")} plot @param {number} series
 */
function alone(plot, series) {
  const values = plot.data[series] ?? [];
  const found = [];
  for (let at = 0; at < values.length; at++) {
    if (values[at] != null && values[at - 1] == null && values[at + 1] == null) found.push(at);
  }
  return found;
}

/** @param {Look} look @param {number} width @param {() => [number, number]} range @returns {import("uplot").Options} */
function options(look, width, range) {
  const { unit, beside, small, utc, interval, height, ahead, onRange } = look;
  const after = 7 + (beside ? 1 : 0) + (beside === "vm" ? 1 : 0); // the position of the first column of a forecast, as times are at 0
  /** @type {(label: string, name: string, more?: Partial<import("uplot").Series>) => import("uplot").Series} */
  const line = (label, name, more = {}) => ({
    label,
    stroke: colour(name),
    width: small ? 1.5 : 2,
    value: (_, value) => written(value, unit),
    points: { show: true, size: small ? 3 : 5, fill: colour(name), filter: alone },
    ...more,
  });
  /** @type {(label: string, value: (value: number) => string) => import("uplot").Series} Only for the legend. */
  const told = (label, value) => ({ label, scale: label, paths: () => null, points: { show: false }, value: (_, each) => (each == null ? "–" : value(each)) });
  const hidden = { show: false };
  const edge = { width: 0, points: { show: false } };
  return {
    width,
    height,
    ...(small ? {} : { padding: [null, 34, null, null] }), // the last time is not cut off
    legend: { show: !small },
    cursor: small
      ? { show: false }
      : { drag: { x: true, y: false, setScale: false }, sync: { key: CURSORS.key } },
    select: { show: !small, left: 0, top: 0, width: 0, height: 0 },
    scales: {
      x: { range }, // the same for all charts, so that they are aligned whatever their data
      y: {
        range: (_plot, low, high) => {
          if (unit === "%" && !small && (low ?? 0) >= 0 && (high ?? 0) > 50 && (high ?? 0) <= 100) return [0, 100];
          // Small charts show only a shape, without an axis that could mislead. The others begin at zero.
          const bottom = small && low != null && low !== high ? low : Math.min(0, low ?? 0);
          const top = Math.max(high ?? 1, small ? -Infinity : 0);
          return top > bottom ? [bottom, top + (top - bottom) * 0.05] : [bottom, bottom + 1];
        },
      },
    },
    axes: small ? [hidden, hidden] : axes(unit, utc, colour),
    series: [
      { label: "Time", value: (_, at) => (at == null ? "–" : moment(at, utc)) },
      line("Fleet maximum", "edge", edge),
      line("Fleet minimum", "edge", edge),
      line("Fleet average", "fleet"),
      line("Not final yet", "fleet", { dash: [5, 4] }),
      told(interval > 1 ? "Samples" : "VMs", (count) => count.toLocaleString()),
      told("Coverage", percent),
      ...(beside ? [line("Tenant average", "tenant", { dash: [10, 3] })] : []),
      ...(beside === "vm" ? [line("This VM", "vm", { width: 2.5 })] : []),
      ...(ahead ? [line("Forecast", ahead, { dash: [2, 4] }), line("Forecast, high", "edge", edge), line("Forecast, low", "edge", edge)] : []),
    ],
    bands: [
      { series: [MAX, MIN], fill: colour("band") },
      ...(ahead ? [/** @type {import("uplot").Band} */ ({ series: [after + 1, after + 2], fill: colour("band") })] : []),
    ],
    hooks: {
      setSelect: [
        (plot) => {
          if (plot.select.width < 4) return;
          const [start, end] = [plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x")];
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          onRange?.(Math.floor(start), Math.ceil(end));
        },
      ],
    },
  };
}

/** A chart in an element. Showing other points of the same look redraws it without flicker. */
export class Chart {
  /** @param {HTMLElement} holder */
  constructor(holder) {
    this.holder = holder;
    /** @type {import("uplot") | null} */
    this.plot = null;
    this.drawn = "";
    /** @type {[number, number]} */
    this.range = [0, 1];
  }

  /** @param {import("./series.js").Columns} data @param {Look} look @param {number} start @param {number} end Unix seconds */
  show(data, look, start, end) {
    this.range = end > start ? [start, end] : [start - 30, start + 30];
    const key = JSON.stringify([look, colour("fleet")]);
    if (this.plot && key === this.drawn) {
      this.plot.setData(data);
      this.fit();
      return;
    }
    this.close();
    this.plot = new uPlot(options(look, Math.max(60, this.holder.clientWidth), () => this.range), data, this.holder);
    this.drawn = key;
  }

  /** Use the available width. */
  fit() {
    const width = this.holder.clientWidth;
    if (this.plot && width && width !== this.plot.width) this.plot.setSize({ width, height: this.plot.height });
  }

  /** Move the cursor by points, in all charts. @param {number} by */
  step(by) {
    const plot = this.plot;
    const times = plot?.data[0];
    if (!plot || !times?.length) return;
    const from = plot.cursor.idx ?? times.length - 1;
    const at = Math.min(times.length - 1, Math.max(0, from + by));
    const time = /** @type {number} */ (times[at]);
    for (const each of CURSORS.plots) each.setCursor({ left: each.valToPos(time, "x"), top: each.over.clientHeight / 2 });
  }

  /** @returns {HTMLCanvasElement | null} */
  get canvas() {
    return this.plot?.ctx.canvas ?? null;
  }

  close() {
    this.plot?.destroy();
    this.plot = null;
  }
}

