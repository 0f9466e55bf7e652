// The choices for all views: the range of time, the interval, the aggregation and the time zone. Knows their controls,
// their place in the URL and their API parameters. Does not know what is charted.

import { fromTo, lasting, zoneName } from "./clock.js";
import { byId, fill } from "./elements.js";

/**
 * @typedef {"avg" | "min" | "max"} By
 * @typedef {{minutes: number, start: number, end: number, interval: number, by: By, utc: boolean}} Range
 *   `start` and `end` (Unix seconds) are a fixed range; both 0: the latest `minutes`. `interval` 0: the one that fits.
 * @typedef {import("./ask.js").Parameters} Parameters
 */

const DEFAULT_MINUTES = 360;
const RANGES = /** @type {[number, string][]} */ ([
  [15, "last 15 minutes"], [60, "last hour"], [360, "last 6 hours"], [1_440, "last 24 hours"], [10_080, "last 7 days"],
]);
const INTERVALS = [1, 2, 5, 10, 15, 30, 60, 120, 240, 720, 1_440]; // minutes

/** @param {string | null} text @param {number} most @returns {number} a whole number up to `most`, or 0 */
const whole = (text, most) => (text && /^\d{1,10}$/.test(text) && Number(text) <= most ? Number(text) : 0);

/** @param {URLSearchParams} given @returns {Range} */
export function readRange(given) {
  const [start, end] = [whole(given.get("start"), 9_999_999_999), whole(given.get("end"), 9_999_999_999)];
  const fixed = start > 0 && end > start && end - start <= 31 * 86_400;
  const by = given.get("by");
  return {
    minutes: whole(given.get("minutes"), 10_080) || DEFAULT_MINUTES,
    start: fixed ? start : 0,
    end: fixed ? end : 0,
    interval: whole(given.get("interval"), 1_440),
    by: by === "min" || by === "max" ? by : "avg",
    utc: given.get("tz") === "utc",
  };
}

/** The values that differ from the default, for the URL. @param {Range} range @returns {Parameters} */
export function writeRange({ minutes, start, end, interval, by, utc }) {
  /** @type {[string, string | number][]} */
  const all = [
    ["minutes", start || minutes === DEFAULT_MINUTES ? "" : minutes], ["start", start], ["end", end],
    ["interval", interval], ["by", by === "avg" ? "" : by], ["tz", utc ? "utc" : ""],
  ];
  return all.flatMap(([name, value]) => (value ? [/** @type {[string, string]} */ ([name, String(value)])] : []));
}

/** The length of the range in minutes. @param {Range} range */
export const minutesOf = (range) => (range.start ? Math.max(1, Math.round((range.end - range.start) / 60)) : range.minutes);

/** The shortest interval that makes no more points than pixels. @param {Range} range @param {number} width in pixels */
const fitting = (range, width) => INTERVALS.find((interval) => Math.ceil(minutesOf(range) / interval) <= width) ?? INTERVALS[INTERVALS.length - 1] ?? 1;

/** The interval to ask for. @param {Range} range @param {number} width of a chart in pixels */
export const intervalOf = (range, width) => Math.max(range.interval, fitting(range, width));

/** As the API's parameters. @param {Range} range @returns {Parameters} */
export const period = ({ minutes, start, end }) =>
  start ? [["start", String(start)], ["end", String(end)]] : [["minutes", String(minutes)]];

/** Period, interval and aggregation as the API's parameters. @param {Range} range @param {number} width @returns {Parameters} */
export const shape = (range, width) => [
  ...period(range), ["aggregationInterval", String(intervalOf(range, width))], ["aggregationBy", range.by],
];

/** Set the controls to the choice. @param {Range} range @param {number} width of a chart in pixels */
export function showRange(range, width) {
  const choice = (/** @type {string | number} */ value, /** @type {string} */ text) => /** @type {[string, string]} */ ([String(value), text]);
  const { minutes, start, end, interval, by, utc } = range;
  const listed = RANGES.some(([each]) => each === minutes);
  fill(byId("range"), [
    ...(start ? [choice("", fromTo(start, end, utc))] : []),
    ...RANGES.map(([each, text]) => choice(each, text)),
    ...(listed ? [] : [choice(minutes, `last ${lasting(minutes)}`)]),
  ], start ? "" : String(minutes));
  const shortest = fitting(range, width);
  const fit = INTERVALS.filter((each) => each >= shortest && each <= Math.max(minutesOf(range), 1));
  fill(byId("interval"), [
    choice(0, `automatic (${lasting(shortest)})`),
    ...[...new Set([...fit, ...(interval ? [intervalOf(range, width)] : [])])].map((each) => choice(each, lasting(each))),
  ], String(interval && intervalOf(range, width)));
  fill(byId("zone"), [["", `local (${zoneName(false)})`], ["utc", "UTC"]], utc ? "utc" : "");
  byId("by").value = by;
}

/** Call a function when the choice changes. @param {(changes: Partial<Range>) => void} choose */
export function onRange(choose) {
  const on = (/** @type {string} */ id, /** @type {(value: string) => Partial<Range>} */ changes) =>
    byId(id).addEventListener("change", () => choose(changes(byId(id).value)));
  // The first choice, a fixed range, has no value: it is already shown.
  on("range", (value) => (value ? { minutes: Number(value), start: 0, end: 0, interval: 0 } : {}));
  on("interval", (value) => ({ interval: Number(value) }));
  on("by", (value) => ({ by: /** @type {By} */ (value) }));
  on("zone", (value) => ({ utc: value === "utc" }));
}
