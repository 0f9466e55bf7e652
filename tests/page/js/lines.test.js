// The geometry of small charts: gaps, bands, scales, and what lies outside.

import assert from "node:assert/strict";
import { test } from "node:test";

import { extremes, isOutside, scaleOf, shapes } from "../../../web/js/lines.js";

const WINDOW = 900;
/** @param {(number | null)[]} values @param {object} [more] */
const line = (values, more = {}) => values.map((value, place) => ({ at: place * WINDOW, value, ...more }));
const drawn = (/** @type {import("../../../web/js/lines.js").Point[]} */ points) => {
  const scale = scaleOf(points);
  assert(scale);
  return shapes(points, WINDOW, scale);
};

test("the lowest value is at the lower edge, the highest at the upper, the newest at the right", () => {
  assert.equal(drawn(line([0, 10, 5])).line, "M0 100L50 0L100 50");
});

test("a missing window breaks the line, and so does a window that is not there at all", () => {
  assert.equal(drawn(line([0, 1, null, 1, 0])).line, "M0 100L25 0M75 0L100 100");
  assert.equal(drawn(line([0, 1, null, 1, 0]).filter(({ value }) => value !== null)).line, "M0 100L25 0M75 0L100 100");
});

test("a value alone between gaps is a dot", () => {
  assert.equal(drawn(line([0, null, 1, null, 0])).line, "M0 100h0M50 0h0M100 100h0");
});

test("values that are all alike lie in the middle, and one value at the right", () => {
  assert.equal(drawn(line([7, 7])).line, "M0 50L100 50");
  assert.equal(drawn(line([7])).line, "M100 50h0");
});

test("the scale holds the band too", () => {
  const points = line([5, 5], { low: 0, high: 20, expected: 10 });
  assert.deepEqual(scaleOf(points), { start: 0, end: WINDOW, low: 0, high: 20 });
  assert.equal(drawn(points).band, "M0 0L100 0L100 100L0 100Z");
  assert.equal(drawn(points).expected, "M0 50L100 50");
  assert.equal(drawn(points).outside, "");
});

test("what is outside of the band is marked, to either side, and nothing is without a band", () => {
  const points = line([5, 25, -5], { low: 0, high: 20 });
  assert.deepEqual(points.map(isOutside), [false, true, true]);
  assert.equal(drawn(points).outside, "M50 0h0M100 100h0");
  assert.equal(drawn(line([5, 25])).outside, "");
  assert.equal(drawn(line([5, 25], { low: null, high: null })).outside, "");
});

test("a given scale holds a value that is beyond it at its edge", () => {
  assert.equal(shapes(line([50, 200]), WINDOW, { start: 0, end: WINDOW, low: 0, high: 100 }).line, "M0 50L100 0");
});

test("without any value there is neither a scale nor an extreme", () => {
  for (const points of [[], line([null, null], { low: 0, high: 1 })]) {
    assert.equal(scaleOf(points), null);
    assert.equal(extremes(points), null);
  }
  assert.deepEqual(extremes(line([3, 1, null, 2, null])), { lowest: 1, highest: 3, newest: 2 });
});
