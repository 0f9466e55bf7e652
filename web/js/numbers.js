// Writes numbers for people, with their units. Knows units and rounding. Does not know what is measured.

import { LOCALES } from "./locale.js";

const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL = ["", "k", "M", "G", "T", "P", "E"];
const IN_FULL = 1e6; // plain numbers below this are written in full
const LONG = 5; // digits after the point
const TINY = 1e-5; // plain numbers below this are written as a power of ten

/** Write as a power of ten, which is always short. @param {number} value @param {number} [digits] */
export const asPower = (value, digits = 3) => value.toLocaleString(LOCALES, { notation: "scientific", maximumSignificantDigits: digits });

/** With three significant digits, and never with fewer than all before the point. @param {number} value */
function rounded(value) {
  const size = Math.abs(value);
  if (size >= 100) return value.toLocaleString(LOCALES, { maximumFractionDigits: 0 });
  return size && size < TINY ? asPower(value) : value.toLocaleString(LOCALES, { maximumSignificantDigits: 3 });
}

/** @param {number} value @param {number} base @param {string[]} prefixes @returns {[number, string | undefined]} */
function scaled(value, base, prefixes) {
  let power = 0;
  for (; Math.abs(value) >= base; power++) value /= base;
  return [value, prefixes[power]];
}

/** A value with its unit. Large ones have a prefix of the SI, or of IEC 80000 where bytes are counted. @param {number | null | undefined} value @param {string} unit */
export function written(value, unit) {
  if (value === null || value === undefined) return "–";
  const tail = unit ? ` ${unit}` : "";
  if (unit.startsWith("B")) {
    const [size, prefix] = scaled(value, 1024, BINARY);
    return prefix === undefined ? asPower(value, 4) + tail : `${rounded(size)} ${prefix}${unit}`;
  }
  if (Math.abs(value) < IN_FULL) return rounded(value) + tail;
  const [size, prefix] = scaled(value, 1000, DECIMAL);
  if (unit || prefix === undefined) return asPower(value, 4) + tail;
  return `${size.toLocaleString(LOCALES, { maximumSignificantDigits: 4 })} ${prefix}`;
}

/**
 * Write the marks of an axis, which all have one prefix and equally many digits after the point.
 * @param {number[]} values evenly spaced @param {string} unit
 */
export function alike(values, unit) {
  const most = Math.max(...values.map(Math.abs));
  const [base, prefixes] = unit.startsWith("B") ? [1024, BINARY] : unit || most < IN_FULL ? [Infinity, [""]] : [1000, DECIMAL];
  // The largest prefix with which short numbers are exact. Beyond all prefixes, powers of ten are short.
  const [, largest] = scaled(most, base, prefixes);
  const fitting = prefixes.slice(0, largest === undefined ? 1 : prefixes.indexOf(largest) + 1).map((prefix, power) => {
    const shown = values.map((value) => value / (power ? base ** power : 1));
    const size = most / (power ? base ** power : 1);
    const inPowers = size >= IN_FULL || (size > 0 && size < TINY) || digitsOf(shown) > LONG;
    return { prefix, shown, inPowers, digits: inPowers ? Math.min(2, digitsOf(shown.map(mantissa))) : digitsOf(shown) };
  });
  const { prefix, shown, inPowers, digits } = fitting.findLast((each) => each.digits < 2) ?? /** @type {typeof fitting[0]} */ (fitting[0]);
  const fixed = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  const format = new Intl.NumberFormat(LOCALES, { notation: inPowers ? "scientific" : "standard", ...fixed });
  const tail = unit || prefix ? ` ${prefix}${unit}` : "";
  return shown.map((value) => (inPowers && !value ? "0" : format.format(value)) + tail);
}

/** @param {number} value */
const mantissa = (value) => (value ? value / 10 ** Math.floor(Math.log10(Math.abs(value))) : 0);

/** How many digits after the point write all values exactly: steps of an axis are short. @param {number[]} values */
function digitsOf(values) {
  const most = Math.max(...values.map(Math.abs));
  const exact = (/** @type {number} */ digits) => values.every((value) => Math.abs(Number(value.toFixed(digits)) - value) <= 1e-6 * most);
  return [0, 1, 2, 3, 4, 5].find(exact) ?? LONG + 1;
}

/** How a value changed, with a sign. A percentage changes by percentage points. @param {number} from @param {number} to @param {string} unit */
export function change(from, to, unit) {
  if (written(from, unit) === written(to, unit)) return "unchanged";
  const text = written(Math.abs(to - from), unit === "%" ? "points" : unit);
  return `${to > from ? "▲ +" : "▼ −"}${text}`;
}

/** A share of a whole, rounded down: only all is 100 %, and only nothing is 0 %. @param {number} share 0 to 1 */
export function percent(share) {
  // 0.29 times 1000 is a little less than 290, which must not become 28.9 %.
  const tenths = Math.floor(share * 1000 + 1e-9);
  return share > 0 && tenths < 1 ? "less than 0.1 %" : `${(tenths / 10).toLocaleString(LOCALES)} %`;
}

/** Shorten a masked name. Masked names are long and differ at the end. @param {string} name */
export const short = (name) => (name.length > 18 ? `…${name.slice(-12)}` : name);
