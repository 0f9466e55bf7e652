// Virtual rows: which are in the document, how much room stands for the others, and where keys lead.

import assert from "node:assert/strict";
import { test } from "node:test";

import { rowAfterKey, rowsInView, scrolledTo } from "../../../web/js/rows.js";

const [ROW, HEIGHT, COUNT, SPARE] = [40, 400, 10_000, 6];

test("at the top the first rows are there, and room for the others", () => {
  assert.deepEqual(rowsInView(0, HEIGHT, ROW, COUNT, SPARE), { first: 0, last: 17, before: 0, after: (COUNT - 17) * ROW });
});

test("wherever one scrolls, all rows and all room together are as high as the list, and what is seen is there", () => {
  for (let scroll = 0; scroll <= COUNT * ROW - HEIGHT; scroll += 1_237) {
    const { first, last, before, after } = rowsInView(scroll, HEIGHT, ROW, COUNT, SPARE);
    assert.equal(before + (last - first) * ROW + after, COUNT * ROW);
    assert(before <= scroll && scroll + HEIGHT <= COUNT * ROW - after, `at ${scroll}`);
    assert(last - first <= HEIGHT / ROW + 2 * SPARE + 2, `at ${scroll}`);
  }
});

test("a list that has become shorter shows its end, and one without rows nothing", () => {
  const { first, last, after } = rowsInView(390_000, HEIGHT, ROW, 30, SPARE);
  assert.deepEqual([first <= 20, last, after], [true, 30, 0]);
  assert.deepEqual(rowsInView(0, HEIGHT, ROW, 0, SPARE), { first: 0, last: 0, before: 0, after: 0 });
});

test("keys lead to rows, and not beyond the ends", () => {
  const from = (/** @type {string} */ key, at = 5) => rowAfterKey(at, key, 10, 100);
  assert.deepEqual(["ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home", "End"].map((key) => from(key)), [6, 4, 15, 0, 0, 99]);
  assert.deepEqual([from("ArrowDown", 99), from("ArrowUp", 0), from("Tab"), rowAfterKey(0, "End", 10, 0)], [99, 0, null, null]);
});

test("a row is brought into view, and nothing moves if it is there", () => {
  assert.deepEqual([0, 3, 9, 10, 99].map((at) => scrolledTo(at, 0, HEIGHT, ROW)), [0, 0, 0, 40, 3_600]);
  assert.equal(scrolledTo(2, 3_600, HEIGHT, ROW), 80);
});
