// The choices for all views: the range of time and the one it is compared with, the interval, the aggregation and the
// time zone. Knows their controls, their place in the URL and their API parameters. Does not know what is charted.

import { fromField, fromTo, lasting, midnight, toField, zoneName } from "./clock.js";
import { byId, fill } from "./elements.js";

/**
 * @typedef {"avg" | "min" | "max"} By
 * @typedef {"" | "day" | "week"} Before
 * @typedef {{minutes: number, start: number, end: number, interval: number, by: By, utc: boolean, before: Before}} Range
 *   `start` and `end` (Unix seconds) are a fixed range; both 0: the latest `minutes`. `interval` 0: the one that fits.
 *   `before`: the earlier time with which charts are compared
 * @typedef {import("./ask.js").Parameters} Parameters
 */

const DEFAULT_MINUTES = 360;
const RANGES = /** @type {[number, string][]} */ ([
  [15, "last 15 minutes"], [60, "last hour"], [360, "last 6 hours"], [1_440, "last 24 hours"], [10_080, "last 7 days"],
]);
const DAYS = /** @type {[string, string, number][]} values, texts, and how many days back */ ([
  ["today", "today", 0], ["yesterday", "yesterday", 1], ["last-week", "this day last week", 7],
]);
const DATES = "dates";
const LONGEST = 31 * 86_400; // seconds
const BEFORE = /** @type {[Before, string][]} */ ([["", "nothing"], ["day", "yesterday"], ["week", "last week"]]);
const INTERVALS = [1, 2, 5, 10, 15, 30, 60, 120, 240, 720, 1_440]; // minutes

/** @param {string | null} text @param {number} most @returns {number} a whole number up to `most`, or 0 */
const whole = (text, most) => (text && /^\d{1,10}$/.test(text) && Number(text) <= most ? Number(text) : 0);

/** @param {URLSearchParams} given @returns {Range} */
export function readRange(given) {
  const [start, end] = [whole(given.get("start"), 9_999_999_999), whole(given.get("end"), 9_999_999_999)];
  const fixed = start > 0 && !wrongRange(start, end);
  const [by, before] = [given.get("by"), given.get("before")];
  return {
    minutes: whole(given.get("minutes"), 10_080) || DEFAULT_MINUTES,
    start: fixed ? start : 0,
    end: fixed ? end : 0,
    interval: whole(given.get("interval"), 1_440),
    by: by === "min" || by === "max" ? by : "avg",
    utc: given.get("tz") === "utc",
    before: before === "day" || before === "week" ? before : "",
  };
}

/** The values that differ from the default, for the URL. @param {Range} range @returns {Parameters} */
export function writeRange({ minutes, start, end, interval, by, utc, before }) {
  /** @type {[string, string | number][]} */
  const all = [
    ["minutes", start || minutes === DEFAULT_MINUTES ? "" : minutes], ["start", start], ["end", end],
    ["interval", interval], ["by", by === "avg" ? "" : by], ["tz", utc ? "utc" : ""], ["before", before],
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
  const { minutes, start, end, interval, by, utc, before } = range;
  const listed = RANGES.some(([each]) => each === minutes);
  fill(byId("range"), [
    ...(start ? [choice("", fromTo(start, end, utc))] : []),
    ...RANGES.map(([each, text]) => choice(each, text)),
    ...(listed ? [] : [choice(minutes, `last ${lasting(minutes)}`)]),
    ...DAYS.map(([value, text]) => choice(value, text)),
    choice(DATES, "from … to …"),
  ], start ? "" : String(minutes));
  const shortest = fitting(range, width);
  const fit = INTERVALS.filter((each) => each >= shortest && each <= Math.max(minutesOf(range), 1));
  fill(byId("interval"), [
    choice(0, `automatic (${lasting(shortest)})`),
    ...[...new Set([...fit, ...(interval ? [intervalOf(range, width)] : [])])].map((each) => choice(each, lasting(each))),
  ], String(interval && intervalOf(range, width)));
  fill(byId("zone"), [["", `local (${zoneName(false)})`], ["utc", "UTC"]], utc ? "utc" : "");
  byId("by").value = by;
  fill(byId("before"), BEFORE, before);
}

/** How many seconds earlier the time is with which a range is compared; 0: it is not. @param {Range} range */
export const secondsBefore = ({ before }) => ({ "": 0, day: 86_400, week: 604_800 })[before];

/** A day of the viewer's clock, up to now. @param {number} back how many days ago @param {boolean} utc @param {number} now Unix seconds */
export function aDay(back, utc, now) {
  const start = midnight(now, utc, -back);
  return { start, end: Math.max(start + 60, Math.min(Math.floor(now / 60) * 60, midnight(now, utc, 1 - back) - 60)) };
}

/** Why a range can't be shown; empty if it can. @param {number} start @param {number} end Unix seconds */
export function wrongRange(start, end) {
  if (Number.isNaN(start) || Number.isNaN(end)) return "Give a day and a time for both.";
  if (end <= start) return "The end must be after the beginning.";
  if (start > Date.now() / 1000) return "There are no data of the future. Choose a beginning that has passed.";
  return end - start > LONGEST ? "At most 31 days can be shown. Choose a later beginning or an earlier end." : "";
}

/** Call a function when the choice changes. @param {() => Range} current @param {(changes: Partial<Range>) => void} choose */
export function onRange(current, choose) {
  const on = (/** @type {string} */ id, /** @type {(value: string) => Partial<Range>} */ changes) =>
    byId(id).addEventListener("change", () => choose(changes(byId(id).value)));
  byId("range").addEventListener("change", () => {
    const { value } = byId("range");
    const day = DAYS.find(([each]) => each === value);
    if (value === DATES) openDates(current());
    else if (day) choose({ ...aDay(day[2], current().utc, Date.now() / 1000), interval: 0 });
    // The first choice, a fixed range, has no value: it is already shown.
    else if (value) choose({ minutes: Number(value), start: 0, end: 0, interval: 0 });
  });
  on("before", (value) => ({ before: /** @type {Before} */ (value) }));
  on("interval", (value) => ({ interval: Number(value) }));
  on("by", (value) => ({ by: /** @type {By} */ (value) }));
  on("zone", (value) => ({ utc: value === "utc" }));
  byId("dates").addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
    if (/** @type {HTMLButtonElement | null} */ (event.submitter)?.value !== "show") return;
    const [start, end] = [fromField(byId("from").value, current().utc), fromField(byId("to").value, current().utc)];
    const wrong = wrongRange(start, end);
    byId("dates-problem").textContent = wrong;
    if (wrong) return event.preventDefault();
    choose({ start, end, interval: 0 });
  });
}

/** Let a person give both ends of a range. @param {Range} range the shown one */
function openDates(range) {
  const end = range.end || Math.floor(Date.now() / 60_000) * 60;
  byId("range").value = range.start ? "" : String(range.minutes); // until another range is chosen
  byId("from").value = toField(range.start || end - range.minutes * 60, range.utc);
  byId("to").value = toField(end, range.utc);
  byId("dates-title").textContent = `From when to when (${zoneName(range.utc)})`;
  byId("dates-problem").textContent = "";
  byId("dates").showModal();
}
