// What is unusual in the newest complete quarter hour: the API's list in order and in words. Knows its kinds of lines, what
// is told first, whom a line is about, and every case of the sentence on top. Does not know the document or charts.

import { ago, clock, dated, day, fromTo } from "./clock.js";
import { LOCALES } from "./locale.js";
import { tenantText, vmText } from "./names.js";
import { counted } from "./numbers.js";
import { WINDOW } from "./windows.js";

export const MOST_LINES = 100; // of the list: the API's limit
const LATE = 45 * 60; // seconds after its end: by then, the next quarter hour has ended and was pushed
const LEAST_DAYS = 3; // before it is known what is normal (docs/api.md)

/**
 * @typedef {"vm" | "pool" | "tenant" | "size" | "region" | "fleet"} Kind
 * @typedef {{kind: Kind, tenant: string | null, name: string | null, why: "unusual" | "silent" | "stopped" | "always", key: string | null,
 *   value: number | null, expected: number | null, low: number | null, high: number | null, score: number, notable: boolean,
 *   since: number | null, vms: number, of: number, also: string, sentence: string}} Line as `/v1/get-unusual` has it
 * @typedef {{window: number, tenant: string | null, judged: number, coverage: number | null, reason: string | null, data: Line[]}} Unusual
 * @typedef {{first: Line[], unusual: Line[], always: Line[], silent: Line[], stopped: Map<string, Line[]>}} Parts
 *   `first`: worth a look first. `stopped`: by the counter of the service. Each as the API orders it, most telling first
 */

/** What a line is known by, from one window to the next. @param {Line} line */
export const identity = ({ kind, tenant, name, key, why }) => JSON.stringify([kind, tenant, name, key, why]);

/** @param {Line[]} lines @returns {Parts} */
export function parts(lines) {
  const of = (/** @type {Line["why"]} */ why) => lines.filter((line) => line.why === why);
  return {
    first: of("unusual").filter(({ notable }) => notable),
    unusual: of("unusual").filter(({ notable }) => !notable),
    always: of("always"),
    silent: of("silent"),
    stopped: grouped(of("stopped"), ({ key }) => key ?? ""),
  };
}

/** @template Item, Key @param {Item[]} items @param {(item: Item) => Key} keyOf @returns {Map<Key, Item[]>} in the order of their first items */
export function grouped(items, keyOf) {
  /** @type {Map<Key, Item[]>} */
  const found = new Map();
  for (const item of items) found.set(keyOf(item), [...(found.get(keyOf(item)) ?? []), item]);
  return found;
}

/** Whom a line is about. @param {Line} line @param {Map<string, string>} labels of tenants */
export function called({ kind, tenant, name }, labels) {
  const of = tenant === null ? "" : tenantText(tenant, labels);
  if (kind === "vm") return `${vmText(tenant ?? "", name ?? "")} of ${of}`;
  if (kind === "fleet") return "The whole fleet";
  if (kind === "tenant") return `Tenant ${of}`;
  const word = { pool: "Pool", size: "Size", region: "Region" }[kind];
  const group = name === null ? `VMs of unknown ${word.toLowerCase()}` : `${word} ${name}`;
  return of ? `${group} of ${of}` : group;
}

/** @param {string[]} texts */
const joined = (texts) => (texts.length < 2 ? texts.join("") : `${texts.slice(0, -1).join(", ")} and ${texts.at(-1)}`);

/** @type {[Kind, string][]} Populations, and the word for one. */
const POPULATIONS = [["region", "region"], ["size", "VM size"], ["tenant", "tenant"], ["pool", "pool"]];

/**
 * One sentence on how everything is.
 * @param {Unusual} answer @param {number | null} days from how many days it is known what is normal, if nothing was
 *   judged; null: it can't be told
 */
export const howItIs = ({ tenant, judged, reason, data }, days) => (reason !== null && !data.length ? learning(days) : found(data, judged, tenant !== null));

/** Of when that is, and whether it is late. @param {number} window @param {boolean} utc @param {number} now Unix seconds */
export function ofWhen(window, utc, now) {
  const end = window + WINDOW;
  const late = now - end > LATE;
  const span = day(window, utc) === day(now, utc) ? `${clock(window, utc)} – ${clock(end, utc)}` : fromTo(window, end, utc);
  const text = `Newest complete quarter hour: ${span}${late ? `, which ended ${ago(now - end)}: data is late` : ""}. VMs push every 15 min.`;
  return text.replaceAll(" – ", "\u00a0–\u00a0");
}

/** @param {number | null} days */
function learning(days) {
  const rest = "It is learned twice a day, by night and by noon, from at least 3 days of data";
  if (days === null) return `Nothing was compared with what is normal. ${rest}.`;
  if (days >= LEAST_DAYS) return `Nothing was compared with what is normal in this quarter hour, though ${days} days are known. The next one is compared when most VMs have reported.`;
  return `It is not known yet what is normal: ${counted(days, "day")} of data ${days === 1 ? "has" : "have"} been learned. ${rest}; until then, nothing here can be called unusual.`;
}

/** @param {Line[]} data @param {number} judged VMs @param {boolean} own whether it is of one tenant only */
function found(data, judged, own) {
  const some = parts(data);
  const unusual = [...some.first, ...some.unusual];
  const count = (/** @type {Kind} */ kind) => unusual.filter((line) => line.kind === kind).length;
  const vms = counted(judged, "VM");
  const whole = data.length < MOST_LINES; // else, who is not listed may be unusual too
  const whose = own ? "your tenant" : "the fleet";
  const words = [];
  if (count("fleet") || (own && count("tenant"))) words.push(`${whose} as a whole is unusual`);
  const groups = POPULATIONS.filter(([kind]) => count(kind) && !(own && kind === "tenant"));
  if (groups.length) {
    const several = groups.length > 1 || count(/** @type {Kind} */ (groups[0]?.[0])) > 1;
    words.push(`${joined(groups.map(([kind, word]) => counted(count(kind), word)))} ${several ? "are" : "is"} unusual as ${several ? "groups" : "a group"}`);
  }
  if (count("vm")) words.push(`${whole ? "" : "at least "}${count("vm").toLocaleString(LOCALES)} of ${vms} ${count("vm") === 1 ? "is unusual by itself" : "are unusual by themselves"}`);
  else if (whole && words.length && judged > 1) words.push(`none of ${vms} is unusual by itself`);
  const [silent, stopped] = [total(some.silent), total([...some.stopped.values()].flat())];
  if (silent) words.push(`${counted(silent, "VM")} ${silent === 1 ? "is" : "are"} silent`);
  else if (some.silent.length) words.push("fewer VMs report than usual");
  if (some.stopped.size) words.push(`${counted(some.stopped.size, "service")} ${some.stopped.size === 1 ? "is" : "are"} stopped${stopped ? ` on ${counted(stopped, "VM")}` : ""}`);
  if (!words.length) words.push(judged === 1 ? "the only VM is as usual" : `all ${vms} are as usual`);
  const usual = POPULATIONS.filter(([kind]) => !data.some((line) => line.kind === kind) && !(own && kind !== "pool")).map(([, word]) => `${word}s`);
  if (whole && usual.length) words.push(`all ${joined(usual)} are as usual`);
  const text = words.join("; ");
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** For how many VMs lines stand. @param {Line[]} lines */
export const total = (lines) => lines.reduce((sum, { kind, vms }) => sum + (kind === "vm" ? 1 : vms), 0);

/** Since when, in words; empty if that is not known. @param {Line} line @param {number} window @param {boolean} utc */
export function sinceWhen({ since }, window, utc) {
  if (since === null) return "";
  const minutes = (window + WINDOW - since) / 60;
  const from = minutes < 24 * 60 ? clock(since, utc) : dated(since, utc);
  return `since ${from}, ${minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`}`;
}
