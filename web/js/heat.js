// The distribution of values over time as a picture of cells: a column for each time, a row for each range of values, and
// eight levels by how large a share of the column's values a cell has. Knows rows and shares. Does not know the document.

/**
 * @typedef {{from: number, to: number, count: number}} Bucket
 * @typedef {{timestamp: number, count: number, min: number | null, max: number | null, buckets: Bucket[]}} Column as `/v1/get-histogram` has it
 * @typedef {{columns: number, rows: number, paths: string[], low: number, high: number, most: number, logarithmic: boolean}} Heat
 *   `paths`: the cells of each level, the lightest first, as `d` of SVG paths in cells from the upper left corner.
 *   `most`: the largest share that a cell has, 0 to 1. `low`, `high`: the values at the lower and upper edge
 */

export const LEVELS = 7; // besides none
const ROWS = 16;
const WIDE = 8; // from how many times the lowest value on rows grow with the value

/**
 * @param {Column[]} columns oldest first @param {number} step seconds from one to the next
 * @param {boolean} even whether all rows are equally wide, whatever the values @returns {Heat | null} null: no values
 */
export function heat(columns, step, even) {
  const filled = columns.filter(({ count, buckets }) => count && buckets.length);
  const [first, last] = [columns[0], columns.at(-1)];
  if (!first || !last || !filled.length) return null;
  const all = filled.flatMap(({ buckets }) => buckets);
  const [least, most] = [Math.min(...all.map(({ from }) => from)), Math.max(...all.map(({ from }) => from))];
  const whole = most - least < ROWS && all.every(({ from }) => Number.isInteger(from));
  const logarithmic = !even && !whole && least > 0 && most / least > WIDE;
  const rows = whole ? most - least + 1 : ROWS;
  const size = logarithmic ? Math.log(most / least) : most - least;
  const rowOf = (/** @type {number} */ value) => {
    const place = logarithmic ? Math.log(value / least) / size : size ? (value - least) / size : 0;
    return whole ? value - least : Math.min(rows - 1, Math.floor(place * rows));
  };
  const shares = filled.map(({ count, buckets }) => {
    const cells = Array.from({ length: rows }, () => 0);
    for (const { from, count: some } of buckets) cells[rowOf(from)] = (cells[rowOf(from)] ?? 0) + some / count;
    return cells;
  });
  const largest = Math.max(...shares.flat());
  const paths = Array.from({ length: LEVELS }, () => "");
  filled.forEach(({ timestamp }, place) => {
    const x = Math.round((timestamp - first.timestamp) / step);
    shares[place]?.forEach((share, row) => {
      // By the square root, so that the few at the ends are seen beside the many in the middle.
      if (share) paths[Math.min(LEVELS, Math.ceil(LEVELS * Math.sqrt(share / largest))) - 1] += `M${x} ${rows - 1 - row}h1v1h-1z`;
    });
  });
  return { columns: Math.round((last.timestamp - first.timestamp) / step) + 1, rows, paths, low: least, high: most, most: largest, logarithmic };
}

/** The value below which a share of a column's values lies. @param {Column} column @param {number} share 0 to 1 */
export function quantile({ count, buckets }, share) {
  let seen = 0;
  for (const bucket of buckets) {
    seen += bucket.count;
    if (seen >= share * count) return bucket.from;
  }
  return buckets.at(-1)?.from ?? 0;
}
