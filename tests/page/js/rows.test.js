// Which rows of a long list are in view, and where keys lead.

import assert from "node:assert/strict";
import { test } from "node:test";

import { rowAfterKey, rowsInView, scrolledTo } from "../../../web/js/rows.js";

const [ROW, COUNT, SEEN] = [30, 10_000, 600];

test("at any place few rows are drawn, all that are seen are among them, and the rest has its room", () => {
  for (const scroll of [0, 1, 29, 30, 150_015, ROW * COUNT - SEEN, ROW * COUNT]) {
    const { first, last, before, after } = rowsInView(scroll, SEEN, ROW, COUNT, 5);
    assert(last - first <= SEEN / ROW + 11);
    assert(first * ROW <= Math.min(scroll, ROW * COUNT - SEEN) && last * ROW >= Math.min(scroll + SEEN, ROW * COUNT));
    assert.equal(before + (last - first) * ROW + after, ROW * COUNT);
  }
  assert.deepEqual(rowsInView(0, SEEN, ROW, 0, 5), { first: 0, last: 0, before: 0, after: 0 });
});

test("keys lead to the neighbours, by pages and to the ends, and no farther", () => {
  const to = (/** @type {number} */ at, /** @type {string} */ key) => rowAfterKey(at, key, 20, COUNT);
  assert.deepEqual([to(0, "ArrowUp"), to(0, "ArrowDown"), to(5, "PageDown"), to(5, "PageUp"), to(5, "End"), to(5, "Home")], [0, 1, 25, 0, COUNT - 1, 0]);
  assert.equal(to(5, "a"), null);
  assert.equal(rowAfterKey(0, "ArrowDown", 20, 0), null);
});

test("a row is brought into view by the shortest way", () => {
  assert.equal(scrolledTo(10, 0, SEEN, ROW), 0); // it is in view
  assert.equal(scrolledTo(25, 0, SEEN, ROW), 26 * ROW - SEEN);
  assert.equal(scrolledTo(10, 900, SEEN, ROW), 300);
});
