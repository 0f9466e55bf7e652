// What is chosen: read from the URL and written to it, so that a view can be shared and the back button works.

import { DEFAULT_MINUTES } from "./time.js";

/**
 * @typedef {"avg" | "min" | "max"} By
 * @typedef {{view: "fleet" | "compare", keys: string[], tenant: string, vm: string, minutes: number, start: number,
 *   end: number, interval: number, by: By, utc: boolean, search: string, sort: "kind" | "change"}} State
 *   `start` and `end` (Unix seconds) hold a fixed range, both 0: the latest `minutes`. `interval` 0: what fits.
 */

/** @param {string | null} text @param {number} most @returns {number} a whole number up to `most`, or 0 */
const whole = (text, most) => (text && /^\d{1,10}$/.test(text) && Number(text) <= most ? Number(text) : 0);

/** @param {string} query @returns {State} */
export function read(query) {
  const given = new URLSearchParams(query);
  const [start, end] = [whole(given.get("start"), 9_999_999_999), whole(given.get("end"), 9_999_999_999)];
  const fixed = start > 0 && end > start && end - start <= 31 * 86_400;
  const by = given.get("by");
  const keys = given.getAll("key").filter(Boolean);
  return {
    view: given.get("view") === "compare" || keys.length || given.get("tenant") ? "compare" : "fleet",
    keys: [...new Set(keys)],
    tenant: given.get("tenant") ?? "",
    vm: given.get("vm") ?? "",
    minutes: whole(given.get("minutes"), 10_080) || DEFAULT_MINUTES,
    start: fixed ? start : 0,
    end: fixed ? end : 0,
    interval: whole(given.get("interval"), 1_440),
    by: by === "min" || by === "max" ? by : "avg",
    utc: given.get("tz") === "utc",
    search: given.get("search") ?? "",
    sort: given.get("sort") === "change" ? "change" : "kind",
  };
}

/** @param {State} state @returns {string} the query, with a question mark, without what is as by default */
export function write(state) {
  /** @type {[string, string | number][]} */
  const all = [
    ["view", state.view === "compare" ? "compare" : ""],
    ...(state.view === "compare" ? state.keys.map((key) => /** @type {[string, string]} */ (["key", key])) : []),
    ["tenant", state.view === "compare" ? state.tenant : ""],
    ["vm", state.view === "compare" ? state.vm : ""],
    ["minutes", state.start || state.minutes === DEFAULT_MINUTES ? "" : state.minutes],
    ["start", state.start],
    ["end", state.end],
    ["interval", state.interval],
    ["by", state.by === "avg" ? "" : state.by],
    ["tz", state.utc ? "utc" : ""],
    ["search", state.view === "fleet" ? state.search : ""],
    ["sort", state.view === "fleet" && state.sort === "change" ? "change" : ""],
  ];
  const chosen = new URLSearchParams(all.filter(([, value]) => value).map(([name, value]) => [name, String(value)]));
  return `?${chosen}`;
}
