// What has been seen, for controls: counters, tenants, a tenant's VMs. Knows which list to ask for; refuses to know who shows it.

import { ask, NoAccess } from "./ask.js";

/**
 * @typedef {import("./ask.js").Counter} Counter
 * @typedef {{counters: Counter[], tenants: string[], labels: Map<string, string>, at: number}} Lists `tenants`: masked names.
 *   `labels`: what people call tenants, by masked names, for operators only. `at`: when these were asked for, in milliseconds
 */

/** @type {Lists} Before the first answer. */
export const NO_LISTS = { counters: [], tenants: [], labels: new Map(), at: 0 };

/** @returns {Promise<Lists>} */
export async function askLists() {
  const at = Date.now();
  const [counters, tenants] = await Promise.all([
    ask("v1/counters"),
    // Who sees only the fleet gets no tenants.
    ask("v1/tenants").catch((error) => (error instanceof NoAccess && error.way === "as somebody else" ? { data: [] } : Promise.reject(error))),
  ]);
  /** @type {{tenant: string, label: string | null}[]} */
  const all = tenants.data;
  const labels = new Map(all.flatMap(({ tenant, label }) => (label?.trim() ? [/** @type {[string, string]} */ ([tenant, label])] : [])));
  return { counters: counters.data, tenants: all.map(({ tenant }) => tenant), labels, at };
}

/** @param {string} tenant @returns {Promise<Record<string, string>[]>} */
export const askVms = async (tenant) => (await ask("v1/vms", [["tenant", tenant]])).data;

/** The one of some names that is meant, also where its plus signs became blanks in a URL. @param {string[]} names @param {string} given */
export const named = (names, given) => [given, given.replaceAll(" ", "+")].find((each) => names.includes(each));
