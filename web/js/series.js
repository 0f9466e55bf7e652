// Turns the API's points into columns for a chart, and into words and rows for people who can't see the chart.

import { dated, lasting } from "./clock.js";
import { percent, written } from "./numbers.js";

/**
 * @typedef {import("./ask.js").Item} Item
 * @typedef {import("uplot").AlignedData} Columns
 * @typedef {"" | "tenant" | "vm"} Beside what stands beside the fleet: nothing, a tenant, or a VM and its tenant
 */

/** The last item that counts as the newest: final and shown, else the last that is shown. @param {Item[]} items */
export const newestOf = (items) => items.findLast((item) => item.final && item.average !== null) ?? items.findLast((item) => item.average !== null);

/** The last item with a value of the VM, or of the tenant if no VM is chosen. @param {Item[]} items @param {Beside} beside */
export const ownNewest = (items, beside) =>
  beside ? items.findLast((item) => (beside === "vm" ? item.PerfValue : (item.tenantAverage ?? null)) !== null) : undefined;

/**
 * Columns: times, then one column per line. A time without a point is a gap. Points that are not final form a separate
 * line, which begins at the last final point.
 * @param {Item[]} items oldest first @param {number} interval minutes @param {Beside} beside
 * @param {boolean} usual whether two columns more, the first, hold the ends of what is usual @returns {Columns}
 */
export function columns(items, interval, beside, usual = false) {
  const step = interval * 60;
  /** @type {number[]} */
  const times = [];
  /** @type {(Item | undefined)[]} */
  const rows = [];
  for (const item of items) {
    const last = times.at(-1);
    // A gap of one point is enough to break the line. (The first group may be shorter, so it is not "one step later".)
    if (last !== undefined && item.timestamp - last > step) {
      times.push(last + step);
      rows.push(undefined);
    }
    times.push(item.timestamp);
    rows.push(item);
  }
  const open = (/** @type {number} */ at) => rows[at] !== undefined && (!rows[at].final || rows[at + 1]?.final === false);
  /** @param {(item: Item, at: number) => number | null | undefined} value */
  const column = (value) => rows.map((item, at) => (item ? (value(item, at) ?? null) : null));
  return [
    times,
    ...(usual ? [column((item) => item.high), column((item) => item.low)] : []),
    column((item) => item.max),
    column((item) => item.min),
    column((item) => (item.final ? item.average : null)),
    column((item, at) => (open(at) ? item.average : null)),
    column((item) => item.count),
    column((item) => item.coverage),
    ...(beside ? [column((item) => item.tenantAverage)] : []),
    ...(beside === "vm" ? [column((item) => item.PerfValue)] : []),
  ];
}

/**
 * Columns with more columns beside them, whose times may be others. Where one side has no point, its value is undefined,
 * which is no gap in its line, as null is.
 * @param {Columns} columns @param {Map<number, (number | null)[]>} rows by Unix seconds @param {number} width how many values a row has
 * @returns {Columns}
 */
export function joined(columns, rows, width) {
  const old = new Map([...columns[0]].map((time, at) => [time, at]));
  const times = [...new Set([...old.keys(), ...rows.keys()])].sort((one, other) => one - other);
  const before = columns.slice(1).map((column) => times.map((time) => column?.[old.get(time) ?? -1]));
  const more = Array.from({ length: width }, (_, place) => times.map((time) => rows.get(time)?.[place]));
  return /** @type {Columns} */ ([times, ...before, ...more]);
}

/** The value of a point that is about what is looked at. @param {Item} item @param {Beside} beside */
export const ownOf = (item, beside) => (beside === "vm" ? item.PerfValue : beside ? item.tenantAverage : item.average) ?? null;

/** A chart in a sentence or two. @param {string} title @param {string} unit @param {Item[]} items @param {boolean} utc @param {Beside} beside */
export function inWords(title, unit, items, utc, beside) {
  const shown = items.filter((item) => item.average !== null);
  const newest = newestOf(items);
  if (!items.length) return `${title}: no data in this range.`;
  const first = /** @type {Item} */ (items[0]);
  const own = ownNewest(items, beside);
  const vm = own && beside === "vm" ? `This VM: ${written(own.PerfValue, unit)}, its tenant` : "The tenant";
  const mine = own ? ` ${vm}: ${written(own.tenantAverage, unit)} at ${dated(own.timestamp, utc)}.` : "";
  if (!newest) return `${title}: the fleet average is not shown.${mine}`;
  const averages = shown.map((item) => /** @type {number} */ (item.average));
  const range = `between ${written(Math.min(...averages), unit)} and ${written(Math.max(...averages), unit)} since ${dated(first.timestamp, utc)}`;
  return `${title}: the fleet average is ${written(newest.average, unit)} at ${dated(newest.timestamp, utc)}, ${range}.${mine}`;
}

/** What to say about points that may still change, or are suppressed. @param {Item[]} items @param {number} interval */
export function caveats(items, interval) {
  const open = items.filter((item) => !item.final);
  const suppressed = items.filter((item) => item.suppressed && item.final);
  const words = [];
  if (open.length) {
    const covered = open.map((item) => item.coverage).filter((share) => share !== null);
    const lowest = covered.length ? ` The lowest coverage is ${percent(Math.min(...covered))} of the VMs.` : "";
    words.push(`${open.length} of ${items.length} points are not final yet (dashed): some VMs have not sent their data.${lowest}`);
  }
  if (suppressed.length) words.push(`${suppressed.length} of ${items.length} points are suppressed: ${suppressed.at(-1)?.suppressed}.`);
  if (interval > 1) words.push(`Each point covers ${lasting(interval)}.`);
  return words.join(" ");
}
