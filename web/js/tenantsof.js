// The tenants that have VMs of a region or a size, as rows of a matrix: each tenant's VMs there. The API has no such list of
// the fleet, so every tenant is asked, a few at a time, and the answers are kept for as long as the window is the newest.

import { ask, Problem } from "./ask.js";
import { byShare, rowsOf } from "./matrix.js";

const AT_ONCE = 4; // tenants

/**
 * @typedef {import("./matrix.js").Cell} Cell
 * @typedef {import("./matrix.js").Matrix} Matrix
 * @typedef {Matrix & {failed: string[]}} Found `failed`: tenants that could not be asked
 */

/** @type {{id: string, found: Found}} the newest answer */
let kept = { id: "", found: { window: null, keys: [], of: 0, final: null, reason: null, data: [], failed: [] } };

/**
 * @param {"Region" | "MachineSize"} by @param {string} group @param {import("./lists.js").Lists} lists
 * @param {(done: number, of: number) => void} told called after each tenant @param {() => boolean} current whether it is still wanted
 * @returns {Promise<Found>}
 */
export async function askTenantsOf(by, group, { tenants, counters }, told, current) {
  const { window, keys, final } = await ask("v1/get-matrix", [["groupBy", by], ["limit", "1"]]);
  const id = JSON.stringify([by, group, window, final, tenants]);
  if (id === kept.id) return kept.found;
  /** @type {Cell[]} */
  const cells = [];
  /** @type {string[]} */
  const failed = [];
  const left = window ? [...tenants] : [];
  const asked = [...keys.map((/** @type {string} */ key) => ["key", key]), ["groupBy", by], ["limit", "200"], ["window", String(window)]];
  const work = async () => {
    for (let tenant = left.shift(); tenant !== undefined && current(); tenant = left.shift()) {
      const name = tenant;
      try {
        /** @type {Matrix} */
        const { data } = await ask("v1/get-matrix", [...asked, ["tenant", name]]);
        cells.push(...data.filter((cell) => cell.group === group).map((cell) => ({ ...cell, group: name })));
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        failed.push(name);
      }
      told(tenants.length - left.length, tenants.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const rows = byShare(rowsOf(cells), counters);
  const found = { window, keys, of: rows.length, final, reason: null, data: rows.flatMap((row) => [...row.cells.values()]), failed };
  if (current() && !failed.length) kept = { id, found };
  return found;
}
