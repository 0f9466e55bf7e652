// When people log on and off: asks for the days ahead with advice, and says it in words. Does not know which view shows it.

import { askKept } from "./ask.js";
import { dateText, ifGiven } from "./capacity.js";
import { percent } from "./numbers.js";

/**
 * @typedef {{expectedLocal: string, lowLocal: string, highLocal: string}} Times by people's clocks
 * @typedef {{pool: string | null, vm: string | null, day: string, probability: number | null, firstLogon: Times | null, lastLogoff: Times | null,
 *   startByLocal: string | null, giveUpLocal: string | null, stopAfterLocal: string | null}} Day
 * @typedef {{days: number, logons: number, served: number | null, idleMinutes: number | null, fixedServed: number | null, fixedIdleMinutes: number | null, better: boolean | null}} Past
 * @typedef {{pool: string | null, vm: string | null, history: number, reason: string | null, past: Past | null}} Series
 * @typedef {{timeZone: string | null, serve: number, bootMinutes: number, learnedUntil: string | null, reason: string | null, tenantPast: Past | null,
 *   series: Series[], data: Day[]}} Logons
 */

/** @param {string} tenant @param {string} vm empty: its pools @param {{serve?: string, boot?: string}} [how] @returns {Promise<Logons>} */
export const askLogons = (tenant, vm, { serve = "", boot = "" } = {}) =>
  askKept("v1/get-logons", [["tenant", tenant], ...ifGiven("vm", vm), ...ifGiven("serve", serve), ...ifGiven("bootMinutes", boot)]);

const WEEKDAY = /** @type {const} */ ({ weekday: "short", day: "numeric", month: "short" });

/** @param {string} day ISO 8601 */
export const weekday = (day) => dateText(day, WEEKDAY);

/** "about 08:12 (08:02 to 08:26)". @param {Times | null} times */
export const about = (times) => (times ? `about ${times.expectedLocal} (${times.lowLocal} to ${times.highLocal})` : "–");

/** How past advice did, in words. @param {Past | null | undefined} past */
export function howGood(past) {
  if (!past || past.served === null) return "There is too little history to say how good this advice was.";
  const minutes = (/** @type {number | null} */ value) => `${Math.round(value ?? 0)} min`;
  const fixed = past.fixedServed === null ? "" : ` The best fixed schedule would have served ${percent(past.fixedServed)} with ${minutes(past.fixedIdleMinutes)}, so advice was ${past.better ? "better" : "no better"}.`;
  return `In ${past.days} past days, advice made ahead served ${percent(past.served)} of first log-ons, with ${minutes(past.idleMinutes)} a day up and idle.${fixed}`;
}
