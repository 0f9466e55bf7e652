// Lists for controls: the counters, tenants and VMs that have been seen. Knows which list to ask for, not who shows it.

import { ask, NoAccess } from "./ask.js";

/**
 * @typedef {import("./ask.js").Counter} Counter
 * @typedef {{counters: Counter[], tenants: string[], labels: Map<string, string>, at: number}} Lists `tenants`: masked names.
 *   `labels`: what people call tenants, by masked names, for operators only. `at`: when these were asked for, in milliseconds
 */

/** @type {Lists} Before the first answer. */
export const NO_LISTS = { counters: [], tenants: [], labels: new Map(), at: 0 };

/** @type {string[]} The counters that people look at first, in their order. */
const FIRST = [
  "win_cpu.percent_processor_time", "win_mem.percent_used", "win_session.input_delay_ms", "win_session.active_sessions", "win_disk.percent_free_space",
  "win_disk.latency_read_seconds",
];

/** The names of counters, those first that people look at first. @param {Counter[]} counters */
export const firstOf = (counters) => [...new Set([...FIRST, ...counters.map(({ key }) => key)])].filter((key) => counters.some((each) => each.key === key));

/** @returns {Promise<Lists>} */
export async function askLists() {
  const at = Date.now();
  const [counters, tenants] = await Promise.all([
    ask("v1/counters"),
    // A caller who may see only the fleet gets no tenants.
    ask("v1/tenants").catch((error) => (error instanceof NoAccess && error.way === "as somebody else" ? { data: [] } : Promise.reject(error))),
  ]);
  /** @type {{tenant: string, label: string | null}[]} */
  const all = tenants.data;
  const labels = new Map(all.flatMap(({ tenant, label }) => (label?.trim() ? [/** @type {[string, string]} */ ([tenant, label])] : [])));
  return { counters: counters.data, tenants: all.map(({ tenant }) => tenant), labels, at };
}

/** @param {string} tenant @returns {Promise<Record<string, string>[]>} */
export const askVms = async (tenant) => (await ask("v1/vms", [["tenant", tenant]])).data;

/**
 * Find the given name among names, even if a URL turned its plus signs into blanks.
 * @param {string[]} names @param {string} given
 */
export const named = (names, given) => [given, given.replaceAll(" ", "+")].find((each) => names.includes(each));
