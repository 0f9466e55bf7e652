// What a counter will be: asks for forecasts, and puts them beside a chart's points. Does not know how they are drawn.

import { ask } from "./ask.js";
import { percent } from "./numbers.js";
import { joined } from "./series.js";
import { HALF, WINDOW, WINDOW_MINUTES } from "./windows.js";

/**
 * @typedef {{window: number, expected: number | null, low: number | null, high: number | null}} ForecastItem
 * @typedef {{history: number, timeZone: string, mase: number | null, coverage: number | null, reason: string | null,
 *   rule: "avg" | "sum" | "min" | "max", data: ForecastItem[]}} Forecast
 * @typedef {"fleet" | "tenant" | "vm"} Whose
 */

/** The choices: hours and their names. */
export const AHEAD = /** @type {[string, string][]} */ ([["0", "nothing"], ["24", "24 hours"], ["48", "2 days"], ["168", "a week"]]);


/**
 * Ask for the forecasts of counters.
 * @param {string[]} keys @param {string} hours @param {[string, string][]} whose @returns {Promise<Map<string, Forecast>>}
 */
export async function askAhead(keys, hours, whose) {
  const answers = await Promise.all(keys.map((key) => ask("v1/get-forecast", [["key", key], ["hours", hours], ...whose])));
  return new Map(keys.map((key, at) => [key, answers[at]]));
}

/** What a window's value is multiplied by to stand beside means of minutes. @param {Forecast} forecast */
const scaleOf = ({ rule }) => (rule === "sum" ? 1 / WINDOW_MINUTES : 1);

/**
 * Whether a chart's points mean what a forecast is of.
 * @param {Forecast} forecast @param {string} by @param {number} interval minutes @param {Whose} whose
 */
const comparable = ({ rule }, by, interval, whose) =>
  by === "avg" || interval === 1 ? rule === "avg" || rule === "sum" : whose === "vm" && by === rule && interval === WINDOW_MINUTES;

/**
 * A chart's columns with three more: what is expected, and the high and the low end of its band.
 * @param {import("uplot").AlignedData} columns @param {Forecast} forecast @returns {import("uplot").AlignedData}
 */
export function extended(columns, forecast) {
  const scale = scaleOf(forecast);
  const scaled = (/** @type {number | null} */ value) => (value === null ? null : value * scale);
  return joined(columns, new Map(forecast.data.map(({ window, expected, high, low }) => [window + HALF, [expected, high, low].map(scaled)])), 3);
}

/** The last second of a forecast; 0: it has none. @param {Forecast} forecast */
export const endOf = (forecast) => (forecast.data.at(-1)?.window ?? -WINDOW) + WINDOW;

/** How good a forecast is, or why there is none. @param {Forecast} forecast */
export function score({ data, mase, coverage, history, reason }) {
  if (data.every((item) => item.expected === null)) return `No forecast: ${reason}.`;
  const how =
    mase === null
      ? "There is too little history for a score."
      : `In the last four weeks its mean error was ${percent(mase)} of that of "same time yesterday"` + (coverage === null ? "." : `, and ${percent(coverage)} of hours were in the band.`);
  return `From ${history} ${history === 1 ? "day" : "days"}. ${how}${reason ? ` No band: ${reason}.` : ""}`;
}

/** What a forecast is, and how good, beside the points of a chart. @param {Forecast} forecast @param {string} by @param {number} interval @param {Whose} whose */
export function goodness(forecast, by, interval, whose) {
  const what = { avg: "mean", sum: "mean", min: "least value in 15 minutes", max: "greatest value in 15 minutes" }[forecast.rule];
  const apart = comparable(forecast, by, interval, whose) ? "" : ` It is of each VM's ${what}, and these points are not, so it need not lie on them.`;
  const of = { fleet: "the fleet", tenant: "the tenant", vm: "this VM" }[whose];
  return peak(forecast) ? `Forecast for ${of} (dotted): the mean of each hour, with a band for four hours of five.${apart} ${score(forecast)}` : score(forecast);
}

/** The window in which most is expected. @param {Forecast} forecast @returns {ForecastItem | null} */
export function peak({ data }) {
  const known = data.filter(({ expected }) => expected !== null);
  return known.length ? known.reduce((most, each) => (Number(each.expected) > Number(most.expected) ? each : most)) : null;
}
