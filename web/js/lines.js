// The geometry of small charts: values of windows as paths in a square of 100 by 100, whose y grows downwards.
// Knows gaps, bands and what lies outside of one. Does not know the document, units or clocks.

/**
 * @typedef {{at: number, value: number | null, low?: number | null, high?: number | null, expected?: number | null}} Point
 *   `at`: when its window begins (Unix seconds). From `low` to `high` goes the band of what is usual, `expected` is its
 *   middle. What is not known is null or left out.
 * @typedef {{start: number, end: number, low: number, high: number}} Scale what the edges of a chart stand for
 * @typedef {{line: string, band: string, expected: string, outside: string}} Shapes the `d` of SVG paths, or empty.
 *   `line`: the values; `outside`: a dot for each value outside the band
 */

const SIDE = 100;
const GAP = 1.5; // steps from one point to the next: from here on, one is missing

/** @param {number | null | undefined} value @returns {value is number} */
const known = (value) => typeof value === "number" && Number.isFinite(value);

/** Whether a value is outside its band. @param {Point} point */
export const isOutside = ({ value, low, high }) => known(value) && ((known(low) && value < low) || (known(high) && value > high));

/**
 * The scale that just holds all values and bands; null if there is no value.
 * @param {Point[]} points oldest first @returns {Scale | null}
 */
export function scaleOf(points) {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || !points.some(({ value }) => known(value))) return null;
  const all = points.flatMap(({ value, low, high, expected }) => [value, low, high, expected].filter(known));
  return { start: first.at, end: last.at, low: Math.min(...all), high: Math.max(...all) };
}

/** The lowest, the highest and the newest value; null if there is none. @param {Point[]} points */
export function extremes(points) {
  const values = points.flatMap(({ value }) => (known(value) ? [value] : []));
  const newest = values.at(-1);
  return newest === undefined ? null : { lowest: Math.min(...values), highest: Math.max(...values), newest };
}

/** Runs of points without a gap, of which each has what is asked for. @param {Point[]} points @param {number} step @param {(point: Point) => boolean} has */
function runs(points, step, has) {
  /** @type {Point[][]} */
  const found = [];
  let last = -Infinity;
  for (const point of points) {
    if (!has(point)) continue;
    if (point.at - last > GAP * step) found.push([]);
    found.at(-1)?.push(point);
    last = point.at;
  }
  return found;
}

/**
 * The paths of a chart. A value alone between gaps is a dot: a line of no length, with round ends.
 * @param {Point[]} points oldest first @param {number} step seconds from one window to the next @param {Scale} scale
 * @returns {Shapes}
 */
export function shapes(points, step, scale) {
  const [wide, tall] = [scale.end - scale.start, scale.high - scale.low];
  const tidy = (/** @type {number} */ each) => Math.round(each * 100) / 100;
  const x = (/** @type {Point} */ { at }) => tidy(wide ? ((at - scale.start) / wide) * SIDE : SIDE);
  // All values alike lie in the middle. A scale that was given may not hold them all: these lie at its edge.
  const y = (/** @type {number} */ value) => tidy(tall ? Math.min(SIDE, Math.max(0, ((scale.high - value) / tall) * SIDE)) : SIDE / 2);
  /** @param {Point[]} run @param {"value" | "low" | "high" | "expected"} name */
  const path = (run, name) => run.map((point) => `${x(point)} ${y(Number(point[name]))}`).join("L");
  /** @param {"value" | "expected"} name */
  const lines = (name) =>
    runs(points, step, (point) => known(point[name])).map((run) => `M${path(run, name)}${run.length > 1 ? "" : "h0"}`).join("");
  const bands = runs(points, step, ({ low, high }) => known(low) && known(high));
  return {
    line: lines("value"),
    band: bands.map((run) => `M${path(run, "high")}L${path(run.toReversed(), "low")}Z`).join(""),
    expected: lines("expected"),
    outside: points.filter(isOutside).map((point) => `M${x(point)} ${y(Number(point.value))}h0`).join(""),
  };
}
