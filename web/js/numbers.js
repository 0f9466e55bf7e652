// Writes numbers for people, with their units. Knows units and rounding. Does not know what is measured.

import { LOCALES } from "./locale.js";

const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL = ["", "k", "M", "G", "T", "P", "E"];
const IN_FULL = 1e6; // plain numbers below this are written in full
const MOST_DIGITS = 8; // after the point
const TINY = 1e-5; // plain numbers below this are written as a power of ten

/** Write as a power of ten, which is always short. @param {number} value @param {number} [digits] */
export const asPower = (value, digits = 3) => value.toLocaleString(LOCALES, { notation: "scientific", maximumSignificantDigits: digits });

/** With three significant digits, and never with fewer than all before the point. @param {number} given */
function rounded(given) {
  const value = given || 0; // no minus before a zero
  const size = Math.abs(value);
  if (size >= 100) return value.toLocaleString(LOCALES, { maximumFractionDigits: 0 });
  return size && size < TINY ? asPower(value) : value.toLocaleString(LOCALES, { maximumSignificantDigits: 3 });
}

/**
 * What a value is best divided by, and the unit it then has: prefixes of the SI, or of IEC 80000 where bytes are counted.
 * @param {number} value @param {string} unit @returns {[number, string] | null} null: only a power of ten is short
 */
function scaled(value, unit) {
  const size = Math.abs(value);
  const bytes = unit.startsWith("B");
  if (unit === "s" && size && size < 1) return [1e-3, "ms"];
  if (!bytes && (size < IN_FULL || unit)) return size < IN_FULL ? [1, unit] : null;
  const [base, prefixes] = bytes ? [1024, BINARY] : [1000, DECIMAL];
  let [power, by] = [0, 1];
  for (; size / by >= base; power++) by *= base;
  const prefix = prefixes[power];
  return prefix === undefined ? null : [by, prefix + unit];
}

/** A value with its unit. @param {number | null | undefined} value @param {string} unit */
export function written(value, unit) {
  if (value === null || value === undefined) return "–";
  const [by, name] = scaled(value, unit) ?? [0, unit];
  const counted = !unit && by > 1; // a count in full has more digits than its prefix leaves
  const text = !by ? asPower(value, 4) : counted ? (value / by).toLocaleString(LOCALES, { maximumSignificantDigits: 4 }) : rounded(value / by);
  return name ? `${text} ${name}` : text;
}

/**
 * Values of one counter that stand in one column or at one axis: all in the same unit and with the same digits, three of
 * the largest, or as many as tell them apart; fewer if these are all zero. What has no value is a dash.
 * @param {(number | null | undefined)[]} values @param {string} unit
 * @param {number} [significant] the most digits of the largest, also if they don't tell the values apart @returns {string[]}
 */
export function alike(values, unit, significant = Infinity) {
  const all = values.filter((value) => typeof value === "number");
  const sizes = all.map(Math.abs);
  const largest = Math.max(0, ...sizes);
  const scale = scaled(largest, unit);
  if (!scale || (largest && largest / scale[0] < TINY)) return values.map((value) => written(value, unit));
  const [by, name] = scale;
  const span = (Math.max(...all) - Math.min(...all)) / by;
  const after = (/** @type {number} */ size, /** @type {number} */ digits) => (size > 0 ? digits - 1 - Math.floor(Math.log10(size)) : 0);
  const most = Math.max(0, Math.min(MOST_DIGITS, after(largest / by, significant), Math.max(after(largest / by, 3), after(span, 2))));
  const needed = all.map((value) => (value / by).toFixed(most).replace(/\.?0*$/, "").split(".")[1]?.length ?? 0);
  const digits = most ? Math.max(0, ...needed) : 0;
  const look = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return values.map((value) => (typeof value === "number" ? `${(value / by || 0).toLocaleString(LOCALES, look)}${name ? ` ${name}` : ""}` : "–"));
}

/** So many of something: "1 VM", "1,240 VMs". @param {number} count @param {string} one */
export const counted = (count, one) => `${count.toLocaleString(LOCALES)} ${count === 1 ? one : `${one}s`}`;

/** From one value to another, with the unit once: "3.4 – 34.3 %". @param {number} low @param {number} high @param {string} unit */
export function between(low, high, unit) {
  const [from = "", to = ""] = alike([low, high], unit, 4);
  const tail = to.match(/ \D+$/)?.[0] ?? ""; // the unit with its blank
  const short = tail && from.endsWith(tail) ? from.slice(0, -tail.length) : from;
  return from === to ? to : `${short} – ${to}`.replaceAll(" ", "\u00a0");
}

/** How a value changed, with a sign. A percentage changes by percentage points. @param {number} from @param {number} to @param {string} unit */
export function change(from, to, unit) {
  if (written(from, unit) === written(to, unit)) return "unchanged";
  const text = written(Math.abs(to - from), unit === "%" ? "points" : unit);
  return `${to > from ? "+" : "−"}${text}`;
}

/** A share of a whole, rounded down: only all is 100 %, and only nothing is 0 %. @param {number} share 0 to 1 */
export function percent(share) {
  // 0.29 times 1000 is a little less than 290, which must not become 28.9 %.
  const tenths = Math.floor(share * 1000 + 1e-9);
  return share > 0 && tenths < 1 ? "less than 0.1 %" : `${(tenths / 10).toLocaleString(LOCALES)} %`;
}

/** Shorten a masked name. Masked names are long and differ at the end. @param {string} name */
export const short = (name) => (name.length > 18 ? `…${name.slice(-12)}` : name);
