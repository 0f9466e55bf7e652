// What changed most between the chosen time and the same time before, and how that is said.
// Knows the API's question and its words. Does not know cards.

import { ask, MOST_SUMMARIES, MOST_WINDOWS } from "./ask.js";
import { fromTo } from "./clock.js";
import { LOCALES } from "./locale.js";
import { tenantName, vmName } from "./names.js";
import { change, short, written } from "./numbers.js";
import { WINDOW } from "./windows.js";

const NEWEST = 60; // minutes: up to this, the newest hour is compared
const LINES = 200; // the most that the API answers
const FRESH_MS = 30_000; // for how long an answer may serve again
const SCORE = 5; // from here on, a move is hardly chance (docs/api.md)

/**
 * @typedef {"previous" | "day" | "week"} Against
 * @typedef {{key: string, kind: "fleet" | "Region" | "MachineSize" | "tenant" | "vm", name: string | null, before: number, after: number,
 *   change: number, score: number, worse: boolean | null, vms: number, windows: number}} Change
 * @typedef {{tenant: string | null, against: Against, start: number | null, end: number | null, beforeStart: number | null, beforeEnd: number | null,
 *   reason: string | null, data: Change[]}} Changes
 */

/** @type {[Against, string][]} */
export const AGAINST = [["previous", "the time just before"], ["day", "the same time yesterday"], ["week", "the same time last week"]];

/** @type {{query: string, at: number, answer: Promise<Changes>} | null} */
let last = null;

/**
 * Ask what changed, most telling first. A range that is too long to compare is cut at its beginning.
 * @param {import("./range.js").Range} range @param {Against} against @param {number} counters how many there are
 * @param {string} tenant empty: of the whole fleet @returns {Promise<Changes>}
 */
export function askChanges(range, against, counters, tenant) {
  const most = Math.max(1, Math.min(MOST_WINDOWS, Math.floor(MOST_SUMMARIES / 2 / Math.max(1, counters))));
  /** @type {[string, string][]} */
  const parameters = [...span(range, most), ["against", against], ["limit", String(LINES)]];
  if (tenant) parameters.push(["tenant", tenant]);
  const query = String(new URLSearchParams(parameters));
  if (last?.query !== query || Date.now() - last.at > FRESH_MS) {
    const asked = { query, at: Date.now(), answer: ask("v1/get-changes", parameters) };
    last = asked;
    asked.answer.catch(() => last === asked && (last = null)); // a failure is not kept
  }
  return last.answer;
}

/** @param {import("./range.js").Range} range @param {number} most windows @returns {[string, string][]} */
function span({ minutes, start, end }, most) {
  const begin = (/** @type {number} */ at) => at - (at % WINDOW);
  if (start) return [["start", String(Math.max(begin(start), begin(end - 1) - (most - 1) * WINDOW))], ["end", String(end)]];
  if (minutes <= NEWEST) return [];
  const windows = Math.min(most, Math.ceil((minutes * 60) / WINDOW));
  return [["start", String(begin(Math.floor(Date.now() / 1000)) - windows * WINDOW)]];
}

/**
 * What is compared with what, and whether anything came of it.
 * @param {Changes} changes @param {boolean} utc @param {string} controls where people choose another time, as they stand on the page
 */
export function compared(changes, utc, controls) {
  const { tenant, against, start, end, beforeStart, beforeEnd, reason } = changes;
  if (reason !== null) return `Nothing can be compared: ${reason}. Choose another time under ${controls}.`;
  const [now, before] = [fromTo(start ?? 0, (end ?? 0) + 1, utc), fromTo(beforeStart ?? 0, (beforeEnd ?? 0) + 1, utc)];
  const whom = tenant === null ? "The fleet, its regions, sizes and tenants" : "Your tenant and its VMs";
  const text = AGAINST.find(([each]) => each === against)?.[1];
  const found = notable(changes).size ? "" : "Nothing moved more than usual. ";
  return `${found}${whom}: ${now}, compared with ${text} (${before}). VMs that have joined or left don't count as a change.`;
}

/** By counter, its changes that are more than usual, the most telling first. @param {Changes} changes */
export function notable({ data }) {
  /** @type {Map<string, Change[]>} */
  const found = new Map();
  for (const each of data) {
    if (Math.abs(each.score) < SCORE) continue;
    found.set(each.key, [...(found.get(each.key) ?? []), each]);
  }
  return found;
}

/**
 * A change in words.
 * @param {Change} item @param {string} unit @param {string | null} tenant whose VMs they are; null: the fleet's @param {Map<string, string>} labels
 */
export function said(item, unit, tenant, labels) {
  const { before, after, score, worse } = item;
  const judged = worse === null ? "" : worse ? ", worse" : ", better";
  const size = Math.abs(score) >= 10 ? Math.round(Math.abs(score)) : Math.round(Math.abs(score) * 10) / 10;
  const [from, to, by] = [written(before, unit), written(after, unit), change(before, after, unit)].map((each) => each.replaceAll(" ", "\u00a0"));
  return `${whose(item, tenant, labels)}: ${from} → ${to} (${by}${judged}), ${size.toLocaleString(LOCALES)}\u00a0× its usual move`;
}

/** @param {Change} item @param {string | null} tenant @param {Map<string, string>} labels */
function whose({ kind, name, vms }, tenant, labels) {
  const count = `${vms.toLocaleString(LOCALES)} ${vms === 1 ? "VM" : "VMs"}`;
  if (kind === "fleet") return `The whole fleet (${count})`;
  if (kind === "vm") return `VM ${vmName(tenant ?? "", name ?? "") ?? short(name ?? "")}`;
  if (kind === "tenant") return `Tenant ${labels.get(name ?? "") ?? tenantName(name ?? "") ?? short(name ?? "")} (${count})`;
  const what = kind === "Region" ? "Region" : "Size";
  return name === null ? `VMs of unknown ${what.toLowerCase()} (${count})` : `${what} ${name} (${count})`;
}
