// What the cards of the fleet show: the newest quarter hour of a counter, and its line. Knows what to ask; no document.

import { askCharts } from "./ask.js";
import { MINUTES } from "./figures.js";
import { intervalOf, minutesOf, shape } from "./range.js";
import { newestOf } from "./series.js";
import { isOperator } from "./who.js";

export const POINTS = 100; // that a small chart has room for
const HOURS = 3; // from this range on, a point of a small chart is of a quarter hour, as what is usual is

/** @typedef {{head: import("./figures.js").Point | undefined, items: import("./figures.js").Point[], step: number}} Data of a card */

/** @param {string[]} keys @param {import("./range.js").Range} range */
export async function askCards(keys, range) {
  const step = stepOf(range);
  const [heads, lines] = await Promise.all([
    askCharts("v1/get-data", keys, MINUTES, head(range)),
    askCharts("v1/get-data", keys, minutesOf(range), line(range, step)),
  ]);
  return { lines, data: new Map(keys.map((key) => {
    const [head, items] = [heads.items.get(key)?.at(-1), lines.items.get(key) ?? []];
    // A tenant's user is shown minutes only once they are final: the newest of these, then.
    return [key, { head: head?.average === null ? (newestOf(items) ?? head) : head, items, step }];
  })) };
}

/** Minutes of a point of a small chart. @param {import("./range.js").Range} range */
const stepOf = (range) => Math.max(intervalOf(range, POINTS), minutesOf(range) >= HOURS * 60 && !range.interval ? MINUTES : 1);

/** The newest quarter hour of a range, with how the values are spread. @param {import("./range.js").Range} range @returns {[string, string][]} */
const head = ({ start, end }) => [
  ...(start ? /** @type {[string, string][]} */ ([["start", String(Math.max(start, end - MINUTES * 60))], ["end", String(end)]]) : /** @type {[string, string][]} */ ([["minutes", String(MINUTES)]])),
  ["aggregationInterval", String(MINUTES)], ["percentiles", "10,50,90"], ...usualToo(),
];

/** @param {import("./range.js").Range} range @param {number} step @returns {[string, string][]} */
const line = (range, step) => [...shape({ ...range, interval: step }, POINTS), ...usualToo()];

/** What is usual is learned from every tenant's values, so it is not for a tenant's user. @returns {[string, string][]} */
const usualToo = () => (isOperator() ? [["baseline", "true"]] : []);
