// Which VMs run full, and when: asks for the list, and says it in words. Does not know which view shows it.

import { askKept } from "./ask.js";
import { written } from "./numbers.js";
import { LOCALES } from "./locale.js";

/**
 * @typedef {{tenant: string, vm: string, value: number, perDay: number, reached: boolean, earliest: string, latest: string, history: number, timeZone: string}} Full
 * @typedef {{key: string, limit: number, of: number, tooYoung: number, reason: string | null, nextPage: string | null, data: Full[]}} Capacity
 */

const MOST_LINES = 100;

/** The counters of which it is learned of each VM when they reach a limit: those that people look at first. */
export const LEARNED = [
  "win_disk.percent_free_space", "win_mem.percent_used", "win_cpu.percent_processor_time", "win_disk.percent_idle_time", "win_disk.current_disk_queue_length",
  "win_disk.latency_read_seconds", "win_system.processor_queue_length", "win_session.active_sessions", "win_session.input_delay_ms", "win_session.logon_seconds",
];

/** @param {string} key @param {string} limit in the counter's unit; empty: its own @param {string} tenant empty: the fleet @returns {Promise<Capacity>} */
export const askCapacity = (key, limit, tenant, lines = MOST_LINES) =>
  askKept("v1/get-capacity", [["key", key], ["lines", String(lines)], ...ifGiven("limit", limit), ...ifGiven("tenant", tenant)]);

/** @param {string} name @param {string} value @returns {[string, string][]} */
export const ifGiven = (name, value) => (value ? [[name, value]] : []);

/** A date of some place's calendar, not a moment. @param {string} date ISO 8601 @param {Intl.DateTimeFormatOptions} options */
export const dateText = (date, options) => new Intl.DateTimeFormat(LOCALES, { timeZone: "UTC", ...options }).format(new Date(`${date}T00:00Z`));

const DAY = /** @type {const} */ ({ day: "numeric", month: "short", year: "numeric" });

/** When the limit is reached, in words. @param {Full} full */
export function whenFull({ reached, earliest, latest }) {
  if (reached) return "now at the limit";
  const from = dateText(earliest, DAY);
  return earliest === latest ? `about ${from}` : `between ${from} and ${dateText(latest, DAY)}`;
}

/** How fast it goes. @param {Full} full @param {string} unit */
export const pace = ({ perDay }, unit) => `${perDay > 0 ? "+" : "−"}${written(Math.abs(perDay), unit === "%" ? "points" : unit)} a day`;
