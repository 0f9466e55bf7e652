// The VMs that are alike, of the same size in the whole fleet: asks how they are, puts that beside a chart's points, and says in
// words what it is, or why it is not there.

import { ask } from "./ask.js";
import { joined } from "./series.js";
import { HALF, WINDOW, WINDOW_MINUTES } from "./windows.js";

const MOST = 86_400; // seconds: the API's limit of windows

/**
 * The average of VMs of a size, the value below which 95 % of them are, and the lowest, by window. There are none of a
 * counter whose windows hold the least or the greatest value, since points are means of minutes.
 * @param {import("./ask.js").Counter[]} counters @param {string} size @param {number} start @param {number} end Unix seconds
 * @returns {Promise<Map<string, Map<number, (number | null)[]>>>} by counter and time
 */
export async function askPeers(counters, size, start, end) {
  const asked = end - start > MOST ? [] : counters.filter(({ rule }) => rule === "avg" || rule === "sum");
  const range = /** @type {[string, string][]} */ ([["start", String(start)], ["end", String(end)]]);
  const answers = await Promise.all(asked.map(({ key }) => ask("v1/get-groups", [["key", key], ["groupBy", "MachineSize"], ...range])));
  return new Map(asked.map(({ key, rule }, at) => {
    const scale = rule === "sum" ? 1 / WINDOW_MINUTES : 1;
    /** @type {{window: number, group: string | null, average: number | null, p95: number | null, min: number | null}[]} */
    const windows = answers[at].data;
    const rows = windows.filter(({ group, window }) => group === size && window >= start - WINDOW);
    return [key, new Map(rows.map(({ window, average, p95, min }) => [window + HALF, [average, p95, min].map((value) => (value === null ? null : value * scale))]))];
  }));
}

/** A chart's columns with three more. @param {import("./series.js").Columns} columns @param {Map<number, (number | null)[]>} peers */
export const withPeers = (columns, peers) => joined(columns, peers, 3);

/**
 * What is drawn of VMs of a VM's size, or why nothing is.
 * @param {import("./ask.js").Counter} counter @param {string} size empty: it is not known @param {number} minutes of the range
 * @param {boolean} own whether the person sees only its own tenant @param {boolean} there whether there is any data
 */
export function aboutPeers({ rule }, size, minutes, own, there) {
  const none = (/** @type {string} */ why) => `VMs of its size are not drawn: ${why}.`;
  if (own) return none("they are other tenants' VMs, too");
  if (!size) return none("its size is not known");
  if (rule === "min" || rule === "max") return none(`of this counter only the ${rule === "min" ? "least" : "greatest"} value in 15 minutes is known of them`);
  if (minutes * 60 > MOST) return none("they are for ranges up to 24 hours");
  if (!there) return none("there is no data of them in this range");
  return "Of VMs of its size: their average (dotted), and a band from the lowest to the value that 95 % of them are below, in windows of 15 minutes.";
}
