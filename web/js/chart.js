// A chart of one counter: the fleet's band and average, and on request the lines of a tenant, a VM and its peers, what is
// usual, and what is ahead. Knows the chart library (uPlot), colours and shapes. Does not know where points come from.

import { axes } from "./axes.js";
import { moment } from "./clock.js";
import { made } from "./elements.js";
import { LOCALES } from "./locale.js";
import { percent, written } from "./numbers.js";

/** @type {typeof import("uplot")} The library is no module: it comes with the first view that has charts. */
const uPlot = await new Promise((done, failed) => {
  const script = made("script", { src: "/assets/vendor/uplot-1.6.32/uPlot.iife.min.js" });
  script.addEventListener("load", () => done(/** @type {any} */ (globalThis).uPlot));
  script.addEventListener("error", failed);
  document.head.append(script);
});

/** All charts with a cursor share one cursor. Moving it in one chart moves it in all. */
const CURSORS = uPlot.sync("cursors");

const [AVERAGE, OPEN] = ["Fleet average", "Fleet average, not final"]; // one line, of two parts that meet
const [PEERS_HIGH, PEERS_LOW] = ["Its size, 95 % below", "Its size, lowest"];

/**
 * @typedef {{unit: string, beside: import("./series.js").Beside, small: boolean, utc: boolean, interval: number, height: number,
 *   peers?: string, before?: string, usual?: boolean, ahead?: "" | "fleet" | "tenant" | "vm", alone?: boolean,
 *   onRange?: (start: number, end: number) => void}} Look
 *   `peers`, `before`: the names of the lines of VMs alike, and of an earlier time. `usual`: whether the band of what is usual is drawn. `ahead`: whose forecast is drawn.
 *   `alone`: only the forecast is drawn. Its columns stand in this order.
 * @typedef {{text: string, colour: string, dash: number[]}} Entry of a legend
 */

/** @param {string} name */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/**
 * The indices of points without neighbours. Lines do not show such points.
 * @param {import("uplot")} plot @param {number} series
 */
function alone(plot, series) {
  const values = plot.data[series] ?? [];
  const points = [...values.keys()].filter((at) => values[at] !== undefined);
  const isGap = (/** @type {number | undefined} */ at) => at === undefined || values[at] === null;
  return points.filter((at, place) => values[at] !== null && isGap(points[place - 1]) && isGap(points[place + 1]));
}

/**
 * The lines of a chart, in the order of its columns.
 * @param {Look} look @returns {import("uplot").Series[]}
 */
function lines({ unit, beside, small, utc, interval, peers, before, usual, ahead, alone: only }) {
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
  const edge = { width: 0, points: { show: false } };
  const observed = [
    line("Fleet maximum", "edge", edge),
    line("Fleet minimum", "edge", edge),
    line(AVERAGE, "fleet"),
    line(OPEN, "fleet", { dash: [5, 4] }),
    told(interval > 1 ? "Samples" : "VMs", (count) => count.toLocaleString(LOCALES)),
    told("Coverage", percent),
    ...(beside ? [line("Tenant average", "tenant", { dash: [10, 3] })] : []),
    ...(beside === "vm" ? [line("This VM", "vm", { width: 2.5 })] : []),
  ];
  return [
    { label: "Time", value: (_, at) => (at == null ? "–" : moment(at, utc)) },
    ...(usual ? [line("Usual, high", "soft", edge), line("Usual, low", "soft", edge)] : []), // first, so behind all
    ...(only ? [] : observed),
    ...(peers ? [line(peers, "peers", { dash: [3, 3], width: 1.5 }), line(PEERS_HIGH, "peers", edge), line(PEERS_LOW, "peers", edge)] : []),
    ...(before ? [line(before, "soft", { dash: [1, 3], width: 1.5 })] : []),
    ...(ahead ? [line("Forecast", ahead, { dash: [2, 4] }), line("Forecast, high", "edge", edge), line("Forecast, low", "edge", edge)] : []),
  ];
}

/**
 * The values of a legend are of the newest point while no point is pointed at, and what has no value is left out.
 * @param {import("uplot")} plot
 */
function tellLegend(plot) {
  if (plot.cursor.idx == null) plot.setLegend({ idxs: newest(plot) }, false);
  const rows = /** @type {NodeListOf<HTMLElement>} */ (plot.root.querySelectorAll(".u-series"));
  const has = (/** @type {number} */ series) => plot.data[series]?.[plot.legend.idxs?.[series] ?? -1] != null;
  const average = plot.series.findIndex(({ label }) => label === AVERAGE);
  rows.forEach((row, series) => (row.hidden = !has(series) || (plot.series[series]?.label === OPEN && has(average))));
}

/** Of each line, the place of its point at the newest time with data; where all is ahead, at the first. @param {import("uplot")} plot */
function newest(plot) {
  const places = [...plot.data[0].keys()];
  const first = plot.series.findIndex(({ label }) => label === "Forecast");
  const ofLine = (/** @type {string} */ label) => places.findLast((at) => plot.data[plot.series.findIndex((each) => each.label === label)]?.[at] != null);
  const at = ["This VM", "Tenant average", AVERAGE, OPEN].map(ofLine).find((place) => place !== undefined)
    ?? places.find((place) => plot.data[first]?.[place] != null);
  return plot.series.map((_, series) => places.findLast((place) => at !== undefined && place <= at && plot.data[series]?.[place] !== undefined) ?? null);
}

/** @param {Look} look @param {number} width @param {() => [number, number]} range @returns {import("uplot").Options} */
function options(look, width, range) {
  const { unit, small, utc, height, onRange } = look;
  const series = lines(look);
  const hidden = { show: false };
  /** @param {string} high @param {string} low @param {string} fill @returns {import("uplot").Band[]} */
  const band = (high, low, fill) => {
    const [top, bottom] = [high, low].map((label) => series.findIndex((each) => each.label === label));
    return top && bottom && top > 0 ? [{ series: [top, bottom], fill: colour(fill) }] : [];
  };
  return {
    width,
    height,
    ...(small ? {} : { padding: [null, 34, null, null] }), // the last time is not cut off
    legend: { show: !small },
    cursor: small
      ? { show: false }
      : { drag: { x: Boolean(onRange), y: false, setScale: false }, sync: { key: CURSORS.key } },
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
    series,
    bands: [
      ...band("Usual, high", "Usual, low", "usual"),
      ...band("Fleet maximum", "Fleet minimum", "band"),
      ...band(PEERS_HIGH, PEERS_LOW, "peers-band"),
      ...band("Forecast, high", "Forecast, low", "band"),
    ],
    hooks: {
      ...(small ? {} : { ready: [tellLegend], setLegend: [tellLegend] }),
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
  /** @type {Set<Chart>} those that are drawn */
  static drawn = new Set();

  /** @param {HTMLElement} holder */
  constructor(holder) {
    this.holder = holder;
    /** @type {import("uplot") | null} */
    this.plot = null;
    this.look = ""; // of what is drawn
    /** @type {[number, number]} */
    this.range = [0, 1];
    this.redraw = () => {};
  }

  /** @param {import("./series.js").Columns} data @param {Look} look @param {number} start @param {number} end Unix seconds */
  show(data, look, start, end) {
    this.redraw = () => this.show(data, look, start, end);
    this.range = end > start ? [start, end] : [start - 30, start + 30];
    const key = JSON.stringify([look, colour("fleet")]);
    if (this.plot && key === this.look) {
      this.plot.setData(data);
      this.fit();
      return;
    }
    this.close();
    this.plot = new uPlot(options(look, Math.max(60, this.holder.clientWidth), () => this.range), data, this.holder);
    this.look = key;
    Chart.drawn.add(this);
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

  /** The lines that the chart shows, with the values that the legend tells. @returns {Entry[]} */
  get legend() {
    const plot = this.plot;
    if (!plot) return [];
    return [...plot.root.querySelectorAll(".u-series")].flatMap((row, series) => {
      if (![...(plot.data[series] ?? [])].some((value) => value != null)) return [];
      const { dash = [], stroke } = plot.series[series] ?? {};
      const [label = "", value = ""] = [...row.children].map((each) => each.textContent ?? "");
      return [{ text: /** @type {HTMLElement} */ (row).hidden ? label : `${label}: ${value}`, colour: String((typeof stroke === "function" && stroke(plot, series)) || ""), dash }];
    });
  }

  close() {
    this.plot?.destroy();
    this.plot = null;
    Chart.drawn.delete(this);
  }
}

// Paper has other colours and widths.
addEventListener("paper", () => {
  for (const chart of Chart.drawn) chart.redraw();
});
