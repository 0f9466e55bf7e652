// Where the marks of an axis of time stand, and what is written at them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { marks, times } from "../../../web/js/axes.js";

const at = (/** @type {string} */ text) => Date.parse(text) / 1000;

test("marks stand where the viewer's clock shows multiples of the step", () => {
  const start = at("2026-11-24T09:10:00Z");
  assert.deepEqual(marks(start, start + 3_600, 1_800, true), [at("2026-11-24T09:30:00Z"), at("2026-11-24T10:00:00Z")]);
  const noon = marks(start, start + 86_400, 43_200, false); // noon and midnight in Berlin
  assert.deepEqual(noon, [at("2026-11-24T11:00:00Z"), at("2026-11-24T23:00:00Z")]);
});

test("steps of hours keep to the clock when it changes", () => {
  const [first, second] = marks(at("2026-10-24T22:00:00Z"), at("2026-10-26T00:00:00Z"), 86_400, false);
  assert.equal((second ?? 0) - (first ?? 0), 25 * 3_600);
});

test("the day is written where it differs from the one before", () => {
  const found = times([at("2026-11-24T21:00:00Z"), at("2026-11-24T22:00:00Z"), at("2026-11-25T01:00:00Z")], true);
  assert.match(found[0] ?? "", /^21:00\n24 Nov/);
  assert.equal(found[1], "22:00");
  assert.match(found[2] ?? "", /^01:00\n25 Nov/);
});

test("marks at midnights have only the days", () => {
  const found = times([at("2026-11-24T00:00:00Z"), at("2026-11-25T00:00:00Z")], true);
  assert.deepEqual(found.map((each) => each.includes(":")), [false, false]);
});
