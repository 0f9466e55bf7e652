// What is written and drawn of what is ahead.

import assert from "node:assert/strict";
import { test } from "node:test";

import "./browser.js";
import { whenFull } from "../../../web/js/capacity.js";
import { peak } from "../../../web/js/forecast.js";
import { columns, joined } from "../../../web/js/series.js";

const full = (/** @type {object} */ more) => /** @type {any} */ ({ reached: false, earliest: "2027-01-03", latest: "2027-01-16", ...more });

test("when something is full is a range of days, one day, or now", () => {
  assert.match(whenFull(full({})), /^between .*3.*2027 and .*16.*2027$/);
  assert.match(whenFull(full({ latest: "2027-01-03" })), /^about .*3.*2027$/);
  assert.equal(whenFull(full({ reached: true })), "now at the limit");
});

test("the peak of a forecast is where most is expected; nothing known has none", () => {
  const data = [1, null, 3, 2].map((expected, at) => ({ window: at, expected, low: null, high: null }));
  assert.equal(peak(/** @type {any} */ ({ data }))?.window, 2);
  assert.equal(peak(/** @type {any} */ ({ data: data.slice(1, 2) })), null);
});

test("columns of other times stand beside a chart's, and make no gap in its lines", () => {
  const item = (/** @type {number} */ timestamp) => /** @type {any} */ ({ timestamp, max: 3, min: 1, average: 2, count: 1, coverage: 1, final: true });
  const points = columns([item(60), item(120), item(300)], 1, "");
  const [times, max, , , , , , peers] = joined(points, new Map([[90, [7]]]), 1);
  assert.deepEqual(times, [60, 90, 120, 180, 300]);
  assert.deepEqual(max, [3, undefined, 3, null, 3]);
  assert.deepEqual(peers, [undefined, 7, undefined, undefined, undefined]);
});
