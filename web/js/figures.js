// What a card of the fleet says of a counter's last quarter hour: a total where a total means something, else the average;
// and how its values are spread. Knows which counters are counts of things. Does not know the document, or what is unusual.

import { between, written } from "./numbers.js";

/**
 * @typedef {import("./ask.js").Counter} Counter
 * @typedef {import("./ask.js").Item & {sum?: number | null, percentiles?: Record<string, number> | null}} Point
 * @typedef {{main: string, what: string, middle: string, spread: string, usual: string}} Figures texts, or empty.
 *   `what`: what the main figure is, and of how many VMs. `middle`, `spread`: how values lie. `usual`: what is usual at this hour.
 */

export const MINUTES = 15; // that the figures are of
const NOTHING = { what: "", middle: "", spread: "", usual: "" };

/** Whether a sum over all VMs is a number of things. @param {Counter} counter */
const isCount = ({ key, rule, unit }) => !unit && (rule === "sum" || /^win_session\.\w*sessions$/.test(key));

/** Whether a counter is the state of a service: 1 on a VM where it runs, else 0. @param {string} key */
export const isService = (key) => key.startsWith("win_service.");

/** @param {Counter} counter @param {Point | undefined} point of the last quarter hour @returns {Figures} */
export function figures(counter, point) {
  if (!point) return { ...NOTHING, main: "–", what: "no data" };
  const { average, sum, count, min, max, percentiles } = point;
  if (average === null) return { ...NOTHING, main: "–", what: "suppressed" };
  const { unit } = counter;
  const number = count ? Math.max(1, Math.round(count / MINUTES)) : 0;
  const of = number ? `, ${written(number, "")} ${number === 1 ? "VM" : "VMs"}` : "";
  const usual = usually(point, unit);
  if (isService(counter.key) && typeof sum === "number" && number) {
    // Rounded down: a service that stopped on one VM within these minutes does not run on all.
    return { ...NOTHING, main: `${written(Math.floor(sum + 1e-6), "")} of ${written(number, "")}`, what: "VMs run it" };
  }
  const { p10, p50, p90 } = percentiles ?? {};
  const known = p10 !== undefined && p50 !== undefined && p90 !== undefined;
  const middle = known ? `Median ${written(p50, unit)}` : "";
  const spread = known ? `8 of 10 values: ${between(p10, p90, unit)}` : min === null || max === null ? "" : `All values: ${between(min, max, unit)}`;
  if (isCount(counter) && typeof sum === "number") {
    const [what, each] = counter.rule === "sum" ? ["in 15 min", "a VM and minute"] : ["at a time", "a VM"];
    return { main: written(Math.round(sum), ""), what: `${what}${of}`, middle: `On average ${written(average, "")} ${each}`, spread, usual };
  }
  return { main: written(average, unit), what: `on average${of}`, middle, spread, usual };
}

/** @param {Point} point @param {string} unit */
const usually = ({ low, high }, unit) => (typeof low === "number" && typeof high === "number" ? `Usual average now: ${between(low, high, unit)}` : "");
