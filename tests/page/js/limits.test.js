// When a counter was at its limit.

import assert from "node:assert/strict";
import { test } from "node:test";

import { atLimit, LIMITS, minutesIn } from "../../../web/js/limits.js";

const START = 1_795_745_700;
const high = { key: "win_cpu.percent_processor_time", limit: 95, falling: false };
const low = { key: "win_disk.percent_free_space", limit: 5, falling: true };
/** Points of so many minutes. @param {(number | null)[]} values @param {number} [minutes] */
const points = (values, minutes = 1) => values.map((value, at) => ({ timestamp: START + 60 * minutes * (at + 1) - 30, value }));

test("neighbouring points at the limit are one time, with the value that is farthest beyond", () => {
  const found = atLimit(points([50, 95, 99, 97, 94]), 60, high);
  assert.deepEqual(found, [{ start: START + 60, end: START + 240, worst: 99 }]);
  assert.equal(minutesIn(found), 3);
});

test("a point without a value, and a gap, end a time; the newest comes first", () => {
  const [one, two, , three] = points([96, null, 0, 97]);
  const found = atLimit([one, two, three].flatMap((each) => each ?? []), 60, high);
  assert.deepEqual(found.map(({ start, worst }) => [(start - START) / 60, worst]), [[3, 97], [0, 96]]);
});

test("free space is at its limit when it is low", () => {
  assert.deepEqual(atLimit(points([50, 5, 2, 5.1]), 60, low).map(({ worst }) => worst), [2]);
  assert.deepEqual(atLimit(points([96, 50]), 60, low), []);
});

test("a point of several minutes begins before its time", () => {
  const [span] = atLimit(points([10, 96], 15), 900, high);
  assert.deepEqual(span, { start: START + 900, end: START + 1_800, worst: 96 });
});

test("limits are those of the API: 95 %, and 5 % of what is bad when low", () => {
  assert.deepEqual(new Set(LIMITS.map(({ limit, falling }) => `${limit} ${falling}`)), new Set(["95 false", "5 true"]));
});
