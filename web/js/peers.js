// The VMs that are alike, of the same size in the whole fleet: asks for their averages, and puts them beside a chart's points.

import { ask } from "./ask.js";
import { joined } from "./series.js";
import { HALF, WINDOW, WINDOW_MINUTES } from "./windows.js";

const MOST = 86_400; // seconds: the API's limit of windows

/**
 * The averages of VMs of a size, by window. There are none of a counter whose windows hold the least or the
 * greatest value, since points are means of minutes.
 * @param {import("./ask.js").Counter[]} counters @param {string} size @param {number} start @param {number} end Unix seconds
 * @returns {Promise<Map<string, Map<number, (number | null)[]>>>} by counter and time
 */
export async function askPeers(counters, size, start, end) {
  const asked = end - start > MOST ? [] : counters.filter(({ rule }) => rule === "avg" || rule === "sum");
  const range = /** @type {[string, string][]} */ ([["start", String(start)], ["end", String(end)]]);
  const answers = await Promise.all(asked.map(({ key }) => ask("v1/get-groups", [["key", key], ["groupBy", "MachineSize"], ...range])));
  return new Map(asked.map(({ key, rule }, at) => {
    const scale = rule === "sum" ? 1 / WINDOW_MINUTES : 1;
    /** @type {{window: number, group: string | null, average: number | null}[]} */
    const windows = answers[at].data;
    const rows = windows.filter(({ group, window }) => group === size && window >= start - WINDOW);
    return [key, new Map(rows.map(({ window, average }) => [window + HALF, [average === null ? null : average * scale]]))];
  }));
}

/** A chart's columns with one more. @param {import("./series.js").Columns} columns @param {Map<number, (number | null)[]>} peers */
export const withPeers = (columns, peers) => joined(columns, peers, 1);
