// Writes numbers for people, with their units. Knows units and rounding. Does not know what is measured.

const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL = ["", "k", "M", "G", "T", "P", "E"];
const IN_FULL = 1e6; // plain numbers below this are written in full
const TINY = 1e-5; // plain numbers below this are written as a power of ten

/** Write as a power of ten, which is always short. @param {number} value @param {number} [digits] */
export const asPower = (value, digits = 3) => value.toLocaleString([], { notation: "scientific", maximumSignificantDigits: digits });

/** With three significant digits, and never with fewer than all before the point. @param {number} value */
function rounded(value) {
  const size = Math.abs(value);
  if (size >= 100) return value.toLocaleString([], { maximumFractionDigits: 0 });
  return size && size < TINY ? asPower(value) : value.toLocaleString([], { maximumSignificantDigits: 3 });
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
  return `${size.toLocaleString([], { maximumSignificantDigits: 4 })} ${prefix}`;
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
  return share > 0 && tenths < 1 ? "less than 0.1 %" : `${(tenths / 10).toLocaleString()} %`;
}

/** Shorten a masked name. Masked names are long and differ at the end. @param {string} name */
export const short = (name) => (name.length > 18 ? `…${name.slice(-12)}` : name);
