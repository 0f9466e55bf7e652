// Virtual rows: of a long list of rows of one height, only those in view are in the document. Plain arithmetic: which rows,
// how much room stands for the others, where keys lead. Knows no document.

/** @typedef {{first: number, last: number, before: number, after: number}} Shown rows from `first` to before `last`; the room around them */

/**
 * The rows in view, and a few around them so that quick scrolling shows no gap.
 * @param {number} scroll pixels scrolled @param {number} height of what is seen @param {number} row the height of a row
 * @param {number} count how many rows there are @param {number} spare rows on both sides @returns {Shown}
 */
export function rowsInView(scroll, height, row, count, spare) {
  const from = Math.min(Math.max(0, Math.floor(scroll / row)), Math.max(0, count - Math.ceil(height / row)));
  const first = Math.max(0, from - spare);
  const last = Math.min(count, from + Math.ceil(height / row) + 1 + spare);
  return { first, last, before: first * row, after: (count - last) * row };
}

/**
 * The row to which a key leads from another one; null: the key leads nowhere.
 * @param {number} at @param {string} key as keyboard events name it @param {number} page how many rows are seen @param {number} count
 */
export function rowAfterKey(at, key, page, count) {
  const last = count - 1;
  /** @type {Record<string, number>} */
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: last };
  const found = to[key];
  return found === undefined || last < 0 ? null : Math.min(last, Math.max(0, found));
}

/**
 * How far to scroll so that a row is in view, and no farther than that.
 * @param {number} at @param {number} scroll @param {number} height of what is seen of rows @param {number} row
 */
export function scrolledTo(at, scroll, height, row) {
  return Math.min(at * row, Math.max(scroll, (at + 1) * row - height));
}
